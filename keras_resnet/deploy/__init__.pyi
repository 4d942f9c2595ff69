from keras_resnet.deploy.engines import load as load
from keras_resnet.deploy.exporter import Exported as Exported
from keras_resnet.deploy.exporter import check as check
from keras_resnet.deploy.exporter import export as export
from keras_resnet.deploy.parity import Parity as Parity
from keras_resnet.deploy.predictor import Predictor as Predictor
from keras_resnet.deploy.timing import latency as latency
