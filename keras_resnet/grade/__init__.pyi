from keras_resnet.grade.blocks import check_conv_block as check_conv_block
from keras_resnet.grade.blocks import check_identity_block as check_identity_block
from keras_resnet.grade.gradebook import grade_folder as grade_folder
from keras_resnet.grade.grading import Grade as Grade
from keras_resnet.grade.network import check_resnet50 as check_resnet50
from keras_resnet.grade.process import grade_file as grade_file
