from keras_resnet.inference.predictor import Predictor as Predictor
