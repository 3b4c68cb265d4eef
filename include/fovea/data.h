/* SPDX-License-Identifier: Apache-2.0 */
/* Data: from files to batches. */
#ifndef FOVEA_DATA_H
#define FOVEA_DATA_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- images ---- */

/** What a pixel's channel is: uint8_t, uint16_t (0 to 65535) or float (1 is full scale). */
typedef enum fv_depth { FV_DEPTH_8, FV_DEPTH_16, FV_DEPTH_F32, FV_DEPTH_COUNT } fv_depth;

/** A decoded image: h x w x c, rows without gaps; c = 1 (grey), 3 (RGB), 4 (RGBA) or any number of bands. */
typedef struct fv_image {
    uint8_t *data; /* through the context's allocator; in the machine's byte order */
    int64_t h, w, c;
    fv_depth depth;
    bool bands; /* the channels are so many bands: the last of 4 is no opacity */
} fv_image;
/** Bytes of one channel of one pixel: 1, 2, 4. */
FV_API size_t fv_depth_bytes(fv_depth depth);
/** Channel k of red, green, blue of pixel number `pixel`, 0 to 255, for showing it: grey replicated, the first three
 * bands of many. */
FV_API int fv_image_level(const fv_image *image, int64_t pixel, int k);

typedef struct fv_decode_options {
    int64_t max_pixels; /* 0: 178,956,970; larger headers are DATA_TOO_LARGE before any allocation */
    bool ignore_exif;
    bool salvage;    /* decode what a truncated file has, the rest grey */
    bool keep_depth; /* give 16 bits and floats as the file has them; else they are reduced to 8 bits */
    bool fast;       /* JPEG: may decode at 1/2, 1/4 or 1/8 of the size where a resize follows; changes the pixels */
    void (*on_bytes)(void *user); /* called when all bytes have been read, before they are decoded; may be NULL */
    void *user;
} fv_decode_options;

/** What decoding noticed, for counts and warnings. */
typedef struct fv_decode_notes {
    const char *format; /* "jpeg", "png", ... */
    bool cmyk, alpha, palette, grey, sixteen_bit, exif_rotated, corrupt_markers, salvaged;
    bool icc;          /* has a color profile, which is not applied */
    bool animated;     /* has more frames or pages than the first, which is used */
    bool float_pixels; /* the file's channels are floating-point numbers */
    bool bands;        /* more channels than the color has, none of them declared as opacity */
    bool preview;      /* the first page is a small one of another, which is used */
    bool clipped;      /* some are outside 0 to 1; reduced to 8 bits they are cut off */
    int64_t bad_byte;  /* where a truncated or corrupt file ends; -1 */
    int warnings;      /* complaints of the decoder about a file that it could decode all the same */
    char warning[96];  /* the first of them */
} fv_decode_notes;

/** An image format that fovea knows. */
typedef struct fv_image_format_info {
    const char *name, *title; /* "jpeg", "JPEG" */
    const char *library;      /* that an optional format needs ("libtiff"), NULL for the others */
    bool available;           /* false: this build lacks the library */
} fv_image_format_info;
/** Format i, from 0 on; false behind the last. Static storage. */
FV_API bool fv_image_format_at(int64_t i, fv_image_format_info *info);

/**
 * Decodes an image (format judged by content) from memory. `name` is for messages. DATA_TRUNCATED with byte offset,
 * DATA_FORMAT (also when this build lacks the format's library), DATA_TOO_LARGE. notes may be NULL. Thread-safe. On
 * success the caller frees with fv_image_free.
 */
FV_API fv_status fv_image_decode(fv_ctx *ctx, const char *name, const void *data, size_t size,
                                 const fv_decode_options *options, fv_image *image, fv_decode_notes *notes);
FV_API fv_status fv_image_read(fv_ctx *ctx, const char *path, const fv_decode_options *options, fv_image *image,
                               fv_decode_notes *notes);
FV_API void fv_image_free(fv_ctx *ctx, fv_image *image);
/** `options` (NULL: the defaults) as a model's images are to be decoded: at the depth that files have, and with the
 * pipeline's rule about orientation. Training, scoring and `fovea predict` decode so. */
FV_API fv_decode_options fv_pipeline_decoding(const fv_pipeline *pipeline, const fv_decode_options *options);
/** Writes a PNG atomically: 8 or 16 bits, 1, 3 or 4 channels. ARGUMENT for others. */
FV_API fv_status fv_image_write_png(fv_ctx *ctx, const char *path, const fv_image *image);
/** Bilinear resize with or without antialiasing (Pillow's BILINEAR: triangle filter scaled by the reduction, 8-bit,
 * within one grey level of it). */
FV_API fv_status fv_image_resize(fv_ctx *ctx, const fv_image *src, int64_t h, int64_t w, bool antialias, fv_image *dst);
/** Image -> network input: channels converted, resized, cropped, normalized: dst is h x w x c floats. What predict,
 * eval and train all use. */
FV_API fv_status fv_pipeline_apply(fv_ctx *ctx, const fv_pipeline *pipeline, const fv_image *image, float *dst);

/* ---- data sets ---- */

typedef struct fv_dataset fv_dataset;

typedef struct fv_dataset_options {
    const char *split;          /* "train", "val", "test", or NULL: train */
    double val_split;           /* share of the training samples held out when the data has no val split; 0: none */
    uint64_t seed;              /* of the split */
    const char *const *classes; /* expected class names (a model's), mapped by name; NULL: the train split's own */
    int64_t n_classes;
    bool allow_extra, allow_empty;
    double max_bad;             /* share of files that may be quarantined; 0: 0.01 */
    const char *quarantine_csv; /* where to write the list; NULL: nowhere */
    fv_decode_options decode;
    int64_t folds, fold;  /* folds above 1: the train split is dealt into so many, stratified; fold (from 1) is the val
                             split, the others are the train split, whatever val split the data have. 0: none */
    const char *group_by; /* with folds: samples in whose names this extended regular expression finds the same text
                             stay together; NULL: none */
    const char *task; /* "class", "multi-label", "regression": how a manifest's labels are read; NULL: as they look */
} fv_dataset_options;

/**
 * Opens a data set: IDX folder (plain or .gz), CIFAR-10/100 binary folder (plain or .gz), folder of classes with or
 * without splits. The list of files is a snapshot. `*dataset` is the caller's. Labels are numbered by
 * options->classes, else by the lines of `classes.txt` in the folder, else by the train split's classes; other splits
 * are mapped by name. A root without splits is the train split. NOT_FOUND (path or split), DATA_EMPTY, DATA_CLASSES,
 * DATA_TRUNCATED, DATA_FORMAT, CONFLICT (two folders for one split), VALUE.
 */
FV_API fv_status fv_dataset_open(fv_ctx *ctx, const char *path, const fv_dataset_options *options,
                                 fv_dataset **dataset);
/** Image files without labels, to be predicted: sample i is paths[i] (copied). Nothing is opened yet, and any number of
 * them may turn out to be unusable. `decode` NULL: the defaults. */
FV_API fv_status fv_dataset_files(fv_ctx *ctx, const char *const *paths, int64_t count, const fv_decode_options *decode,
                                  fv_dataset **dataset);
FV_API void fv_dataset_destroy(fv_dataset **dataset);
/** Keeps `count` samples, of each class its share, drawn by `seed`, in their order; all where there are no more. Before
 * any has been read (else ARGUMENT). VALUE, NO_MEMORY. */
FV_API fv_status fv_dataset_keep(fv_dataset *dataset, int64_t count, uint64_t seed);
/** Whether a file or folder that lies among data is none of it: hidden, one that a system makes for itself
 * ("Thumbs.db",
 * "@eaDir", "lost+found"), or one that fovea wrote (a run, a model, a packed file). Folders of classes leave it out. */
FV_API bool fv_path_is_aside(const char *path);
/** Whether the data at path has that split by itself, with labels. */
FV_API fv_status fv_dataset_has_split(fv_ctx *ctx, const char *path, const char *split, bool *has);
/** The folder of a test split whose labels are kept back, as contests do: images where folders of classes were
 * expected. fv_dataset_has_split says that there is no test split, fv_dataset_open refuses it (DATA_EMPTY). "" where
 * there is none. VALUE: the path does not fit in `size` bytes. */
FV_API fv_status fv_dataset_unlabeled_test(fv_ctx *ctx, const char *path, char *folder, size_t size);
FV_API const char *fv_dataset_format(const fv_dataset *dataset); /* "idx", "folder", "files" */
FV_API int64_t fv_dataset_count(const fv_dataset *dataset);
FV_API int64_t fv_dataset_classes(const fv_dataset *dataset);
FV_API const char *fv_dataset_class_name(const fv_dataset *dataset, int64_t i);
/** What there is of it in a few words, without where it lies: "480 images of 10 classes". */
FV_API const char *fv_dataset_summary(const fv_dataset *dataset, char text[96]);
/** Size and channels common to all samples; h = w = 0 when sizes differ (folders). */
FV_API void fv_dataset_size(const fv_dataset *dataset, int64_t *h, int64_t *w, int64_t *c);
/** Label of sample i, and its name for messages (a path, or "FILE[index]"; text of at least 512 bytes). */
FV_API int32_t fv_dataset_label(const fv_dataset *dataset, int64_t i);
/** What a sample is labeled with: one class, any number of classes, or numbers to predict; FV_TASK_COUNT: nothing. */
FV_API fv_task fv_dataset_task(const fv_dataset *dataset);
/** fv_dataset_classes(dataset) floats, valid as long as the data set: MULTILABEL 0 or 1 per class, REGRESS the
 * numbers (the class names are then the names of the targets); NULL for CLASSIFY. */
FV_API const float *fv_dataset_targets(const fv_dataset *dataset, int64_t i);
/** Weight of sample i in the loss (1 unless the data say otherwise), and its group: 0, or what other samples of the
 * same group have too. Out of range: 0. */
FV_API float fv_dataset_weight(const fv_dataset *dataset, int64_t i);
FV_API uint64_t fv_dataset_group(const fv_dataset *dataset, int64_t i);
FV_API void fv_dataset_sample_name(const fv_dataset *dataset, int64_t i, char *text, size_t size);
/** Sample i as an image; the caller frees it. Thread-safe. */
FV_API fv_status fv_dataset_image(fv_dataset *dataset, int64_t i, fv_image *image, fv_decode_notes *notes);
/** Mean and standard deviation per channel over (at most `limit`, 0: all) samples, in units of pixel / 255. */
FV_API fv_status fv_dataset_statistics(fv_dataset *dataset, int64_t limit, float mean[16], float std[16]);
/** SHA-256 over sample names, sizes and labels, of packed files their checksums too (pixels are not read), as hex:
 * tells a resumed run that the data is the same. */
FV_API void fv_dataset_fingerprint(const fv_dataset *dataset, char hex[65]);

/**
 * From now on keeps decoded images in memory, each from when it is first decoded, at most `limit` bytes of them; with a
 * pipeline's rule for decoding. *bytes: what all of them will take, estimated from some; 0 when pixels lie in memory or
 * in a file as they are, and nothing is kept. All images are then decoded whole: a batch is the same whatever fits.
 * Before any loader is made. OVER_BUDGET when the limit is too small for anything.
 */
FV_API fv_status fv_dataset_cache(fv_dataset *dataset, const fv_pipeline *pipeline, int64_t limit, int64_t *bytes);
/** What is kept so far. */
FV_API void fv_dataset_cached(const fv_dataset *dataset, int64_t *bytes, int64_t *samples);

/* ---- batches ---- */

/** What is done about classes of unequal size: nothing; small classes drawn more often; large ones less often; small
 * ones counting more in the loss. A power in [0, 1] is how far it goes: 0 not at all, 1 to equal shares. */
typedef enum fv_balance {
    FV_BALANCE_NONE,
    FV_BALANCE_OVERSAMPLE,
    FV_BALANCE_UNDERSAMPLE,
    FV_BALANCE_WEIGHTS
} fv_balance;

typedef struct fv_loader fv_loader;

typedef struct fv_loader_options {
    int64_t batch_size;
    bool shuffle;
    bool drop_last; /* leave an incomplete last batch out, unless it is the only one */
    uint64_t seed;
    int workers;          /* decoding threads; 0: one per thread of the context, -1: decode in the caller */
    int queue;            /* batches ready ahead; 0: 2 per worker, at most 4 */
    const char *augment;  /* steps as in augment.h; NULL: none */
    int64_t targets;      /* numbers of a sample's target; 0: the data's classes where targets are needed, else none */
    fv_balance balance;   /* with shuffle: what an epoch is made of */
    double balance_power; /* [1]; see fv_balance */
    double stuck_after;   /* seconds after which a file that cannot be read is named, and left out; 0: 30 */
} fv_loader_options;

typedef struct fv_batch {
    const float *images;    /* n x h x w x c, normalized */
    const int32_t *labels;  /* n */
    const float *targets;   /* n x n_targets; NULL unless labels are not classes or samples are mixed */
    const int64_t *samples; /* n indices into the data set */
    int64_t n, n_targets;
} fv_batch;

/** `pipeline` is copied; dataset must outlive the loader. Order and augmentation are pure functions of (seed, epoch,
 * sample). */
FV_API fv_status fv_loader_create(fv_dataset *dataset, const fv_pipeline *pipeline, const fv_loader_options *options,
                                  fv_loader **loader);
/** Ends the threads. One that a file keeps, as on a dead network disk, is waited for at most 5 seconds and then left
 * behind with the memory it uses, the data set and the context among it: once the file answers the thread frees what
 * was destroyed meanwhile, so that until then the context's allocator must stay usable. It is logged. */
FV_API void fv_loader_destroy(fv_loader **loader);
/** Bytes of memory that the batches of such a loader take: a bound that is kept, whatever the files are. Images being
 * decoded come on top: one for each worker. */
FV_API int64_t fv_loader_memory(const fv_dataset *dataset, const fv_pipeline *pipeline,
                                const fv_loader_options *options);
/** Numbers of a sample's target; 0: batches have class labels only. */
FV_API int64_t fv_loader_targets(const fv_loader *loader);
/** Batches per epoch. */
FV_API int64_t fv_loader_batches(const fv_loader *loader);
/** Begins epoch `epoch` at batch `first` (resume). */
FV_API fv_status fv_loader_start(fv_loader *loader, int64_t epoch, int64_t first);
/** The next batch; n = 0 at the end of the epoch. Valid until the next call. A sample that cannot be decoded is
 * quarantined: counted, and named once in the log. With `shuffle` the next good sample of the epoch's order takes its
 * place, so that the number of steps stays; without, as for scoring, the batch is that much shorter, so that no sample
 * counts twice. Too many: DATA_TOO_BAD. An image above max_pixels stops with DATA_TOO_LARGE. */
FV_API fv_status fv_loader_next(fv_loader *loader, fv_batch *batch);
/** Seconds that fv_loader_next has waited since fv_loader_start, and files quarantined so far. */
FV_API void fv_loader_stats(const fv_loader *loader, double *waited, int64_t *quarantined);

/** How fine what images show is, and how large, in pixels of a network's input. */
typedef struct fv_detail {
    int64_t samples; /* that were looked at */
    double detail;   /* half a period of the frequency below which three quarters of the energy of slopes are: 1 for
                        noise, 1.4 to 2 for photographs at their own size, twice that for such as were enlarged to twice
                        their size; NaN: they are flat */
    double extent;   /* side of a square over which slopes are spread as widely; the median. NaN likewise */
} fv_detail;
/** Looks at samples of the data set as a network sees them [0: 64], drawn by the seed: a pure function of these. What
 * fv_loader_next says. */
FV_API fv_status fv_dataset_detail(fv_dataset *dataset, const fv_pipeline *pipeline, int64_t samples, uint64_t seed,
                                   int workers, fv_detail *detail);

/* ---- dividing ---- */

typedef struct fv_split_report {
    int64_t samples[3];   /* train, val, test */
    int64_t same_content; /* files with the content of another one, put on its side */
    bool lists_classes;   /* classes.txt was written beside the manifest */
} fv_split_report;
/**
 * Divides the train split of a data set of files (folders or a manifest) and writes it, with the splits that there are,
 * as a manifest with a split column; paths are relative to the manifest's folder. About a share `val` and `test` of
 * each class, by options->seed; samples of one group and files with the same content stay on one side; files added to
 * other classes change nothing. DATA when a class has too few samples, CONFLICT when a split asked for is there,
 * UNSUPPORTED when samples are no files, VALUE. Where the classes have other numbers than the manifest alone would give
 * them (byte-wise by name), or some have no sample to train on, classes.txt is written beside it and keeps them; one
 * that is there already and says otherwise is a CONFLICT. Nothing else but `output` is written.
 */
FV_API fv_status fv_dataset_split(fv_ctx *ctx, const char *path, const fv_dataset_options *options, double val,
                                  double test, const char *output, fv_split_report *report);

/* ---- packing ---- */

/** How a data set is packed. */
typedef struct fv_pack_options {
    bool shards;         /* WebDataset tar shards in a folder; else one packed file */
    bool raw;            /* pixels; else image files as they are, where the data set has files */
    int64_t h, w;        /* raw: every image is brought to that size; 0: as it is */
    bool keep_bad;       /* one file: samples that cannot be decoded stay in, as their files are, so that whoever reads
                            the packed file finds them bad where the data set has them; else they are left out */
    bool crop;           /* the short side is scaled to cover h x w and the middle kept; else stretched */
    int64_t shard_bytes; /* a shard is ended once it is that long; 0: 1e9 */
} fv_pack_options;

typedef struct fv_pack_report {
    int64_t samples[3]; /* train, val, test */
    int64_t left_out;   /* that cannot be read */
    int64_t bytes, files;
} fv_pack_report;

typedef struct fv_packer fv_packer;
/** Opens all splits of the data at path (options->split is not looked at; with val_split a val split is held out).
 * `*packer` is the caller's. Fails as fv_dataset_open does. */
FV_API fv_status fv_packer_create(fv_ctx *ctx, const char *path, const fv_dataset_options *options,
                                  const fv_pack_options *pack, fv_packer **packer);
FV_API void fv_packer_destroy(fv_packer **packer);
/** How many samples, and about how many bytes the output will have: file sizes are added up, pixels estimated from some
 * of the samples. */
FV_API fv_status fv_packer_size(fv_packer *packer, int64_t *samples, int64_t *bytes);
/** Writes `output`: a file, atomically, or for shards a folder of split-000000.tar files, which go again when not all
 * came to be, and classes.txt. Samples that cannot be read are left out, logged and counted (but see keep_bad).
 * NO_SPACE before anything is written when the disk is too small; DATA_TOO_BAD; CONFLICT when the folder has shards
 * already; INTERRUPTED. */
FV_API fv_status fv_packer_write(fv_packer *packer, const char *output, fv_pack_report *report);

/** Reads every sample of a packed file's split and compares it with its checksum: DATA_FORMAT, IO. What a sample's
 * decoder says of it is not looked at; other data sets have no checksums. */
FV_API fv_status fv_dataset_check_sums(fv_dataset *dataset);

/* ---- making and checking ---- */

/** Draws distorted stroke digits, 28 x 28, as four IDX files in `dir` (train-images-idx3-ubyte, ...). Pure function of
 * seed. */
FV_API fv_status fv_make_digits(fv_ctx *ctx, const char *dir, int64_t n_train, int64_t n_test, uint64_t seed);

typedef enum fv_verdict { FV_VERDICT_REJECT, FV_VERDICT_QUARANTINE, FV_VERDICT_WARN, FV_VERDICT_CONVERT } fv_verdict;
typedef struct fv_finding {
    int fault; /* row of the published table of faults */
    fv_verdict verdict;
    const char *file; /* relative to the data set; valid until the report is destroyed */
    const char *detail;
    int64_t sample;    /* for fv_check_report_sample; -1: not about one image */
    int64_t byte;      /* where in the file; -1: not about a place in it */
    const char *split; /* of an image, or of what was to become one: "train"; NULL: none, or not known */
} fv_finding;

typedef struct fv_check_options {
    fv_dataset_options
        data;             /* val_split, classes and task (a model's), allow_extra, allow_empty, decode are looked at */
    bool near_duplicates; /* also look for pictures that are alike: takes 300 bytes per image */
    bool strict;          /* duplicates across splits and classes: reject instead of warn */
    int64_t batch_size;   /* of the run this is for; 0: not known */
} fv_check_options;

typedef struct fv_check_report fv_check_report;
/**
 * Decodes everything once and lists what is wrong or unusual: the worst first. Besides what fv_dataset_open takes it
 * knows folders of images with boxes (images/ and labels/ as YOLO has them, COCO's JSON) and with masks (images/ and
 * masks/). `options` may be NULL. Rows of the table of faults are numbers 1 to 37. The report is the caller's, whatever
 * was found; failures are those of reading the data set at all: NOT_FOUND, DATA_EMPTY, NO_MEMORY.
 */
FV_API fv_status fv_dataset_check(fv_ctx *ctx, const char *path, const fv_check_options *options,
                                  fv_check_report **report);
FV_API int64_t fv_check_report_count(const fv_check_report *report);
FV_API const fv_finding *fv_check_report_row(const fv_check_report *report, int64_t i);
/** Images seen, and classes. */
FV_API void fv_check_report_totals(const fv_check_report *report, int64_t *images, int64_t *classes);
/** A table of samples per class and split, sizes and formats, as lines of text. */
FV_API const char *fv_check_report_text(const fv_check_report *report);
FV_API void fv_check_report_destroy(fv_check_report **report);

/** What is known of one image after a check; texts are the report's. */
typedef struct fv_check_file {
    const char *name, *split, *class_name; /* "train"; class_name is NULL where there is none */
    const char *format;                    /* "jpeg"; "" for raw pixels; NULL where the content is unknown */
    int64_t bytes, h, w, c;                /* h = w = c = 0 where it cannot be decoded */
    fv_depth depth;
    bool usable;
} fv_check_file;
/** Image i of fv_check_report_totals' images. */
FV_API void fv_check_report_sample(const fv_check_report *report, int64_t i, fv_check_file *file);
/** Decodes it again, what is left of it where it is damaged; the caller frees it. */
FV_API fv_status fv_check_report_image(const fv_check_report *report, int64_t i, fv_image *image);
/** "folder", "idx", "yolo", ...: what the data set was taken for. */
FV_API const char *fv_check_report_format(const fv_check_report *report);
/** Name of class i, and how many usable images a split ("train", "val", "test") has of it (with at least one box or
 * pixel of it, where images have boxes or masks); -1: there is no such split. */
FV_API const char *fv_check_report_class(const fv_check_report *report, int64_t i);
FV_API int64_t fv_check_report_class_count(const fv_check_report *report, int64_t i, const char *split);
/** The boxes of class i in those images; -1: the data set has no boxes, or no such split. */
FV_API int64_t fv_check_report_class_boxes(const fv_check_report *report, int64_t i, const char *split);

/** Numbers about a data set. Pixels are those of the train split, as shares of full scale. */
typedef struct fv_data_summary {
    int64_t images, usable, bytes, classes;
    int64_t train, val, test;  /* images, -1: there is no such split */
    int64_t smallest, largest; /* usable images of the train split with the rarest and commonest class */
    double imbalance;          /* largest / smallest; 0: a class is empty, or there are no classes */
    int64_t h_min, h_median, h_max, w_min, w_median, w_max;
    int64_t sizes; /* how many different ones */
    int channels;  /* of the statistics: 0 where nothing can be decoded */
    double mean[16], std[16];
    const char *strategy[4]; /* advice by samples per class, a sentence each; static; NULL at the end */
} fv_data_summary;
FV_API fv_status fv_check_report_summary(const fv_check_report *report, fv_data_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
