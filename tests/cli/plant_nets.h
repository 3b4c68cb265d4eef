/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of other tools, for tests of the program. */
#ifndef FV_TESTS_CLI_PLANT_NETS_H
#define FV_TESTS_CLI_PLANT_NETS_H

/* plant caffe DIR: a network a.prototxt and a.caffemodel, which training wrote, and x.npy (2 x 3 x 8 x 8). */
void plant_caffe(const char *dir, int argc, char **argv);
/* plant keras DIR: net.h5 and x.npy for it (1 x 2 x 3 x 2), and files of Keras with one fault each. */
void plant_keras(const char *dir, int argc, char **argv);
/* plant onnx DIR: a network net.onnx, x.npy for its input (2 x 3 x 8 x 8), names.txt of its five classes; open.onnx,
 * over images of any size, and wide.npy (3 x 3 x 6 x 10), last.npy (1 x 5 x 9 x 3), rows.npy (2 x 3 x 64). */
void plant_onnx(const char *dir, int argc, char **argv);
/* plant tflite DIR: networks net.tflite, bad.tflite (an operator too many) and integers.tflite; x.npy and q.npy, their
 * inputs (2 x 6 x 6 x 2, floats and int8). */
void plant_tflite(const char *dir, int argc, char **argv);

#endif
