"""``python -m keras_resnet``: the same as ``keras-resnet``."""

import sys

from keras_resnet.cli.main import main

sys.exit(main())
