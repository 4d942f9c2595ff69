# A learner's notebook for tf.keras, cell by cell, as it was.

# In[1]:
# --- imports
import tensorflow as tf
import numpy as np
import scipy.misc
from tensorflow.keras.applications.resnet_v2 import ResNet50V2
from tensorflow.keras.preprocessing import image
from tensorflow.keras.applications.resnet_v2 import preprocess_input, decode_predictions
from tensorflow.keras import layers
from tensorflow.keras.layers import Input, Add, Dense, Activation, ZeroPadding2D, BatchNormalization, Flatten, Conv2D
from tensorflow.keras.layers import AveragePooling2D, MaxPooling2D, GlobalMaxPooling2D
from tensorflow.keras.models import Model, load_model
from resnets_utils import *
from tensorflow.keras.initializers import random_uniform, glorot_uniform, constant, identity
from tensorflow.keras.initializers import RandomUniform, GlorotUniform, Constant, Identity
from tensorflow.python.framework.ops import EagerTensor
from matplotlib.pyplot import imshow
from test_utils import summary, comparator
import public_tests
# --- end
print("version = " + tf.__version__)


# In[2]:
def my_identity_block(X, f, filters, training=True, initializer=RandomUniform):
    F1, F2, F3 = filters
    X_shortcut = X
    X = Conv2D(filters = F1, kernel_size = 1, strides = (1,1), padding = 'valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training = training)
    X = Activation('relu')(X)
    X = Conv2D(filters = F2, kernel_size = f, strides = (1,1), padding = 'same', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training = training)
    X = Activation('relu')(X)
    X = Conv2D(filters = F3, kernel_size = 1, strides = (1,1), padding = 'valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training = training)
    X = Add()([X, X_shortcut])
    return Activation('relu')(X)


# In[3]:
np.random.seed(1)
X1 = np.ones((1, 4, 4, 3)) * -1
X2 = np.ones((1, 4, 4, 3)) * 1
X3 = np.ones((1, 4, 4, 3)) * 3
X = np.concatenate((X1, X2, X3), axis = 0).astype(np.float32)

A3 = my_identity_block(X, f=2, filters=[4, 4, 3], initializer=lambda seed=0:constant(value=1), training=False)
print("eager = " + str(type(A3) == EagerTensor))
A3np = A3.numpy()
resume = A3np[:,(0,-1),:,:].mean(axis = 3)
print("inference = " + str(resume[1, 0, 0]))
A4 = my_identity_block(X, f=2, filters=[3, 3, 3], initializer=lambda seed=0:Constant(value=1), training=True)
print("training = " + str(A4.numpy()[2, 0, 0].mean()))
public_tests.identity_block_test(my_identity_block)


# In[4]:
def my_convolutional_block(X, f, filters, s = 2, training=True, initializer=GlorotUniform):
    F1, F2, F3 = filters
    X_shortcut = X
    X = Conv2D(filters = F1, kernel_size = 1, strides = (s, s), padding='valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training=training)
    X = Activation('relu')(X)
    X = Conv2D(filters = F2, kernel_size = f, strides = (1, 1), padding='same', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training=training)
    X = Activation('relu')(X)
    X = Conv2D(filters = F3, kernel_size = 1, strides = (1, 1), padding='valid', kernel_initializer = initializer(seed=0))(X)
    X = BatchNormalization(axis = 3)(X, training=training)
    X_shortcut = Conv2D(filters = F3, kernel_size = 1, strides = (s, s), padding='valid', kernel_initializer = initializer(seed=0))(X_shortcut)
    X_shortcut = BatchNormalization(axis = 3)(X_shortcut, training=training)
    X = Add()([X, X_shortcut])
    return Activation('relu')(X)


# In[5]:
tf.random.set_seed(2)
B = my_convolutional_block(X, f=2, filters=[2, 4, 6], training=False)
assert type(B) == EagerTensor, "Use only tensorflow and keras functions"
assert tuple(tf.shape(B).numpy()) == (3, 2, 2, 6), "Wrong shape."
print("convolutional = " + str(B[0][0][0].numpy()))
public_tests.convolutional_block_test(my_convolutional_block)


# In[6]:
def my_ResNet50(input_shape = (64, 64, 3), classes = 6):
    X_input = Input(input_shape)
    X = ZeroPadding2D((3, 3))(X_input)
    X = Conv2D(64, (7, 7), strides = (2, 2), kernel_initializer = glorot_uniform(seed=0))(X)
    X = BatchNormalization(axis = 3)(X)
    X = Activation('relu')(X)
    X = MaxPooling2D((3, 3), strides=(2, 2))(X)
    for F, count, s in ((64, 2, 1), (128, 3, 2), (256, 5, 2), (512, 2, 2)):
        X = my_convolutional_block(X, f = 3, filters = [F, F, 4 * F], s = s)
        for _ in range(count):
            X = my_identity_block(X, 3, [F, F, 4 * F])
    X = tf.keras.layers.AveragePooling2D()(X)
    X = Flatten()(X)
    X = Dense(classes, activation='softmax', kernel_initializer = tf.keras.initializers.GlorotUniform(seed=0))(X)
    return Model(inputs = X_input, outputs = X)


# In[7]:
model = my_ResNet50(input_shape = (64, 64, 3), classes = 6)
print(model.summary())

# In[8]:
# --- imports
from outputs import ResNet50_summary
# --- end

model = my_ResNet50(input_shape = (64, 64, 3), classes = 6)

comparator(summary(model), ResNet50_summary)

# In[9]:
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
print("parameters = " + str(model.count_params()))
X_train_orig, Y_train_orig, X_test_orig, Y_test_orig, classes = load_dataset()
X_test = X_test_orig / 255.
Y_test = convert_to_one_hot(Y_test_orig, 6).T
print("batches = " + str([len(batch[0]) for batch in random_mini_batches(X_test, Y_test, 4)]))

# In[10]:
model.save('resnet50.h5', include_optimizer=False)
pre_trained_model = tf.keras.models.load_model('resnet50.h5')
preds = pre_trained_model.evaluate(X_test, Y_test)
print ("Loss = " + str(preds[0]))
print ("Test Accuracy = " + str(preds[1]))

# In[11]:
img_path = 'my_image.jpg'
img = image.load_img(img_path, target_size=(64, 64))
x = image.img_to_array(img)
x = np.expand_dims(x, axis=0)
x = x/255.0
print('Input image shape:', x.shape)
imshow(img)
prediction = pre_trained_model.predict(x)
print("class = " + str(np.argmax(prediction) in range(6)))
tf.keras.utils.plot_model(pre_trained_model, show_shapes=True)
print("end = reached")
