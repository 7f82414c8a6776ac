#!/usr/bin/env bash
# One would guess: a layer built with dtype="float32" returns float32, whatever it is given, and returns the same numbers
# whether the network is called, `model(images)`, or asked by `model.predict(images)`.
#
# What happens: on TensorFlow, a `Resizing(..., dtype="float32")` that is called on uint8 images answers in uint8: every
# interpolated value is rounded to a whole number. By `predict`, and inside a `tf.function`, the same layer answers in
# float32, unrounded. Networks that are evaluated by calling them are thus given other pixels than in training. Given
# float32 images, both agree.
#
# Seen with keras 3.15.1, tensorflow 2.21.0, numpy 2.4.6, Python 3.11.
# Source: DataLayer.__call__ of Keras converts what it is given to the layer's dtype only while TensorFlow builds a graph.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
KERAS_HOME="$folder" KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES="" \
	"$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf
from keras import layers

print(f"keras {keras.__version__}, tensorflow {tf.__version__}, numpy {np.__version__}")
images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)


def answers(given):
    layer = layers.Resizing(40, 40, dtype="float32")
    network = keras.Sequential([keras.Input((28, 28, 1), dtype=given.dtype.name), layer])
    return {
        "called": np.asarray(layer(given)),
        "in a graph": np.asarray(tf.function(layer)(given)),
        "predict": network.predict(given, verbose=0),
    }


of_bytes, of_floats = answers(images), answers(images.astype(np.float32))
for given, found in (("uint8", of_bytes), ("float32", of_floats)):
    for way, values in found.items():
        apart = np.abs(values.astype(np.float32) - found["predict"]).max()
        print(f"given {given}, {way}: {values.dtype}, {apart:.4f} from predict")
rounded = np.abs(of_bytes["called"].astype(np.float32) - of_bytes["predict"]).max()
seen = [values.dtype.name for values in of_bytes.values()], [values.dtype.name for values in of_floats.values()]
if seen != (["uint8", "float32", "float32"], ["float32"] * 3) or not 0.3 < rounded < 1.01:
    raise SystemExit("this is not what was seen before")
PYTHON
