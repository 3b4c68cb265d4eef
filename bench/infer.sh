#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Times ONNX Runtime, OpenVINO, ncnn, MNN, PyTorch and fovea in turns at inference; see README.md. PEERS_PYTHON: python with the peers; FOVEA: the program.
set -eu
exec "${PEERS_PYTHON:?set it to the python that has the peers}" "$(dirname "$0")/compare.py" infer "$@"
