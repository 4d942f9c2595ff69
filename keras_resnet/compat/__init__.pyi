from keras_resnet.compat import assignment_v1 as assignment_v1
from keras_resnet.compat import assignment_v2 as assignment_v2
from keras_resnet.compat import assignment_v3 as assignment_v3
