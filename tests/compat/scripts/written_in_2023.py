# A learner's notebook for version 1.1 of the assignment, cell by cell, as it was.

# In[1]:
# --- imports
import tensorflow as tf
import numpy as np
import scipy.misc
from tensorflow.keras.applications.resnet_v2 import ResNet50V2
from tensorflow.keras.preprocessing import image
from tensorflow.keras import layers
from tensorflow.keras.layers import Input, Add, Dense, Activation, ZeroPadding2D, Flatten, Conv2D
from tensorflow.keras.layers import AveragePooling2D, MaxPooling2D, GlobalMaxPooling2D
from tensorflow.keras.models import Model, load_model
from resnets_utils import *
from tensorflow.keras.initializers import random_uniform, glorot_uniform, constant, identity
from tensorflow.python.framework.ops import EagerTensor
from matplotlib.pyplot import imshow
from test_utils import summary, comparator
import public_tests
# --- end

np.random.seed(1)
tf.random.set_seed(2)
tf.keras.backend.set_learning_phase(True)


def my_identity_block(X, f, filters, initializer=random_uniform):
    F1, F2, F3 = filters
    X_shortcut = X
    X = Conv2D(filters = F1, kernel_size = 1, strides = (1,1), padding = 'valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X)
    X = Activation('relu')(X)
    X = Conv2D(filters = F2, kernel_size = f, strides = (1,1), padding = 'same', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X)
    X = Activation('relu')(X)
    X = Conv2D(filters = F3, kernel_size = 1, strides = (1,1), padding = 'valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X)
    X = Add()([X, X_shortcut])
    return Activation('relu')(X)


X = np.concatenate([value * np.ones((1, 4, 4, 3)) for value in (-1, 1, 3)]).astype(np.float32)
tf.keras.backend.set_learning_phase(False)
A3 = my_identity_block(X, f=2, filters=[4, 4, 3], initializer=lambda seed=0:constant(value=1))
print("inference = " + str(A3.numpy()[1, 0, 0].mean()))
public_tests.identity_block_test(my_identity_block)

tf.random.set_seed(2)
B = convolutional_block(X, f = 2, filters = [2, 4, 6], s = 4)
print("shape = " + str(tuple(B.shape)))
B = convolutional_block(X, f = 2, filters = [2, 4, 6])
print("convolutional = " + str(B[0][0][0].numpy()))

inputs = Input((64, 64, 3))
X = ZeroPadding2D((3, 3))(inputs)
X = Conv2D(64, (7, 7), strides = (2, 2), kernel_initializer = glorot_uniform(seed=0))(X)
X = BatchNormalization(axis = 3)(X)
X = Activation('relu')(X)
X = MaxPooling2D((3, 3), strides=(2, 2))(X)
X = convolutional_block(X, f = 3, filters = [64, 64, 256], s = 1)
X = my_identity_block(X, 3, [64, 64, 256])
X = tf.keras.layers.AveragePooling2D()(X)
X = Flatten()(X)
X = Dense(6, activation='softmax', kernel_initializer = glorot_uniform(seed=0))(X)
model = Model(inputs = inputs, outputs = X)
opt = tf.keras.optimizers.Adam(learning_rate=0.00015)
model.compile(optimizer=opt, loss='categorical_crossentropy', metrics=['accuracy'])

X_train_orig, Y_train_orig, X_test_orig, Y_test_orig, classes = load_dataset()
X_train = X_train_orig / 255.
X_test = X_test_orig / 255.
Y_train = convert_to_one_hot(Y_train_orig, 6).T
Y_test = convert_to_one_hot(Y_test_orig, 6).T
history = model.fit(X_train, Y_train, epochs = 2, batch_size = 6)
print("accuracy = " + str(len(history.history['accuracy'])))
preds = model.evaluate(X_test, Y_test)
print("Loss = " + str(preds[0]))

model.save('mine.keras')
again = tf.keras.models.load_model('mine.keras')
print("same = " + str(np.allclose(again.predict(X_test), model.predict(X_test))))
small = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(6, activation='softmax')])
small.save('small.h5', include_optimizer=False)
print("small = " + str(tf.keras.models.load_model('small.h5').evaluate(np.ones((2, 4)), np.eye(6)[:2])[0] > 0))
img = image.load_img('my_image.jpg', target_size=(64, 64))
imshow(img)
x2 = np.expand_dims(image.img_to_array(img) / 255.0, axis=0)
print("class = " + str(np.argmax(model.predict(x2)) in range(6)))
tf.keras.utils.plot_model(model, to_file='model.png')
print("end = reached")
