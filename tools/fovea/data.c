/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data: the table of its actions. */
#include "data.h"

#include <string.h>

#include "options.h"
#include "watch.h"

/* What every action looks at. */
#define COMMON " quiet verbose threads progress "
/* How files are read. */
#define DECODING " max-pixels ignore-exif salvage "

static const option_words make_words[] = {
    {"output", "DIR", "folder for the four IDX files"},
    {"seed", "N", "of the digits drawn [0]"},
    {"train", "N", "training images [10000]"},
    {"test", "N", "test images [2000]"},
    {0},
};
static const option_words check_words[] = {
    {"model", "FILE", "a model whose classes the data must have; default: none"},
    {"batch-size", "N", "of the run this is for: tells when an epoch would be less than one batch; default: not asked"},
    {"val-split", "F", "of the run this is for: tells when a class is too small to be divided [0]"},
    {"allow-extra", NULL, "classes that the training data lack are a warning, not rejected"},
    {"allow-empty", NULL, "class folders without images are a warning, not rejected"},
    {"max-bad", "F", "share of files that may be unusable without exit code 3 [0.01]"},
    {"dups", NULL, "also look for pictures that are nearly the same (equal pixels are always looked for)"},
    {"strict", NULL, "duplicates across splits or classes are rejected"},
    {"report", "FILE.html", "a page with charts, findings and small pictures, all in one file"},
    {"quarantine", "FILE.csv", "list of the files that cannot be used: path, verdict, byte"},
    {"force", NULL, "replace a file that is no earlier report or list"},
    {"json", NULL, "images, classes and findings as one object"},
    {"verbose", NULL, "all findings; else the first five of each kind"},
    {0},
};
static const option_words pack_words[] = {
    {"output", "FILE.fvpack|DIR", "the file, or with --format tar the folder, to write"},
    {"format", "FORM", "one packed file, or WebDataset tar shards (fvpack, tar) [fvpack]"},
    {"raw", NULL, "pixels instead of image files"},
    {"original", NULL, "image files as they are (this is what it does without --raw)"},
    {"img-size", "N|HxW", "with --raw: size that images are brought to; default: each its own"},
    {"resize", "RULE", "with --img-size: stretch, or crop the center after scaling the short side [stretch]"},
    {"shard-size", "SIZE", "with --format tar: begin another shard behind so many bytes [1000000000]"},
    {"seed", "N", "of --val-split [0]"},
    {"max-bad", "F", "share of files that may be left out as unreadable [0.01]"},
    {"force", NULL, "replace the file"},
    {0},
};
static const option_words split_words[] = {
    {"output", "FILE.csv", "the manifest to write"},
    {"val", "F", "share of the val split; 0 where the data have one [0.2]"},
    {"test", "F", "share of the test split [0]"},
    {"seed", "N", "of the division [0]"},
    {"force", NULL, "replace the file"},
    {"json", NULL, "the numbers of samples as one object"},
    {0},
};
static const option_words stats_words[] = {
    {"report", "FILE.html", "a page with charts, findings and small pictures, all in one file"},
    {"force", NULL, "replace a file that is no earlier report"},
    {"json", NULL, "the numbers as one object"},
    {0},
};
static const option_words show_words[] = {
    {"output", "FILE.png", "the contact sheet"},
    {"split", "NAME", "train, val or test [train]"},
    {"seed", "N", "which samples are shown, and what is drawn for them [0]"},
    {"model", "FILE", "with --augmented: whose input they are shown as; with --suspicious: whose classes count"},
    {"augmented", "N", "each sample as N epochs would see it, with what was drawn; with steps alone 4 [0]"},
    {"suspicious", NULL, "the images that `data check` finds something about"},
    {"dups", NULL, "with --suspicious: also pictures that are nearly the same"},
    {"per-class", "N", "samples of each class; with --augmented: samples in all [8]"},
    {"force", NULL, "replace a file that is no contact sheet"},
    {0},
};

const data_action data_actions[] = {
    {"make", "draw a data set", "digits --output DIR [--train N] [--test N] [--seed N]",
     "Draws distorted stroke digits, 28 x 28 pixels, and writes them as four IDX files. A pure function of the seed.\n",
     COMMON " output train test seed ", "  fovea data make digits --output digits --train 500 --test 100\n", data_make,
     make_words},
    {"check", "decode everything and list what is wrong", "PATH [options]",
     "Decodes every image, looks at folders, classes and labels, and lists each finding with its verdict: reject (the "
     "run would not start), quarantine (the file is left out), warn, convert (used, but not as it is stored).\n"
     "Exit code 3 when something is to be rejected, or when a larger share than --max-bad cannot be used.\n",
     COMMON DECODING
     " data task json allow-extra allow-empty max-bad val-split batch-size model dups strict quarantine report "
     "force ",
     "  fovea data check photos\n  fovea data check photos --json\n"
     "  fovea data check photos --dups --quarantine bad.csv --report report.html\n",
     data_check, check_words},
    {"pack", "write a data set as one file or as shards", "PATH --output FILE.fvpack|DIR [options]",
     "Writes all splits of a data set into one checksummed file that is read in any order, with classes, "
     "weights, groups and targets: image files as they are, or with --raw their pixels, decoded once and for all. With "
     "--format tar it writes WebDataset shards into the folder DIR instead.\n"
     "The size is printed beforehand. Files that cannot be read are left out and counted, up to --max-bad.\n",
     COMMON DECODING " data output format raw original img-size resize shard-size val-split seed task allow-extra "
                     "allow-empty max-bad json force ",
     "  fovea data pack photos --output photos.fvpack\n"
     "  fovea data pack photos --output pixels.fvpack --raw --img-size 224 --resize crop\n"
     "  fovea data pack photos --output shards --format tar --shard-size 500M\n",
     data_pack, pack_words},
    {"split", "divide a data set", "PATH --val F [--test F] --output FILE.csv",
     "Writes a manifest of the training split with a column that says train, val or test. Each class is divided alike; "
     "samples of one group, and files with the same content, stay on one side. What a sample becomes depends on the "
     "seed and on its class alone, so that files added to other classes change nothing. Where the classes are not "
     "numbered byte-wise by name, a classes.txt beside the manifest keeps their numbers. No file of yours is "
     "touched.\n",
     COMMON " data output val test seed task allow-empty json force ",
     "  fovea data split photos --val 0.2 --output photos.csv\n"
     "  fovea data split photos --val 0.2 --test 0.1 --seed 7 --output parts.csv\n",
     data_split, split_words},
    {"stats", "numbers about a data set, and what they mean for training", "PATH [options]",
     "Decodes every image and prints how many there are of each split, class, size and kind, mean and standard "
     "deviation of the training pixels (shares of full scale, as --mean and --std take them), how uneven the classes "
     "are, and advice by the number of images per class. The numbers do not depend on --threads.\n",
     COMMON DECODING " data task json report force ",
     "  fovea data stats photos\n  fovea data stats photos --json --report stats.html\n", data_stats, stats_words},
    {"show", "contact sheets as PNG", "PATH --output FILE.png [--augmented N | --suspicious] [options]",
     "Writes a picture of samples, a band for each class. With --augmented N each sample is followed by what N epochs "
     "of training would see of it, the steps that were drawn written below (`fovea help augment` has the steps); "
     "--augment and its shorthands alone mean --augmented 4. With --suspicious it shows the images that `fovea data "
     "check` finds something about, with the finding.\n",
     COMMON DECODING " data task output split seed per-class augmented suspicious dups val-split allow-extra "
                     "allow-empty max-bad model augment scale ratio crop-pad hflip vflip degrees translate shear "
                     "perspective lens aa color-jitter pca-jitter reprob force ",
     "  fovea data show photos --per-class 5 --output samples.png\n"
     "  fovea data show photos --augmented 8 --per-class 3 --hflip --degrees 15 --output augmented.png\n",
     data_show, show_words},
    {0},
};

const data_action *data_action_find(const char *name)
{
    for (const data_action *a = data_actions; name && a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static bool takes(const data_action *a, const char *name)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(a->options, word) != NULL;
}

void data_action_help(const data_action *a)
{
    char text[1024];
    printf("fovea data %s: %s\n\nUsage: fovea data %s %s\n\n", a->name, a->summary, a->name, a->usage);
    for (const char *p = a->text; *p; p += strcspn(p, "\n") + 1) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(p, "\n"), p);
        help_wrap(stdout, text, 0, help_width());
        putchar('\n');
    }
    options_help_some(V_DATA, a->options, a->own, stdout);
    printf("\nExamples:\n%s", a->examples);
}

const char *data_path(const settings *c, const char *action)
{
    const char *path = c->data ? c->data : c->positional[1];
    if (c->data && c->positional[1]) {
        complain(FV_ERR_CONFLICT, NULL, "fovea data %s: both --data %s and %s; give one", action, c->data,
                 c->positional[1]);
        return NULL;
    }
    if (!path)
        complain(FV_ERR_USAGE, NULL, "fovea data %s: which data? give a PATH", action);
    return path;
}

static fv_status no_action(const char *name)
{
    const char *names[16];
    char list[256] = "";
    int n = 0;
    for (const data_action *a = data_actions; a->name; a++) {
        names[n++] = a->name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", n > 1 ? ", " : "", a->name);
    }
    names[n] = NULL;
    const char *near = name ? fv_nearest(name, names) : NULL;
    return complain(FV_ERR_USAGE, "see `fovea help data`", "fovea data: %s%s%s; the actions are %s%s%s%s",
                    name ? "there is no '" : "do what?", name ? name : "", name ? "'" : "", list,
                    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

fv_status verb_data(settings *c)
{
    const data_action *a = data_action_find(c->positional[0]);
    if (!a)
        return no_action(c->positional[0]);
    for (int i = 0; i < n_options; i++)
        if ((options[i].verbs & V_DATA) && option_given(options[i].key) && !takes(a, options[i].key))
            return complain(FV_ERR_CONFLICT, "drop it; `fovea help data` lists the options of each action",
                            "fovea data %s: --%s has no effect here", a->name, options[i].key);
    fv_ctx *ctx;
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, ctx);
    status = a->run(c, ctx);
    watch_end();
    fv_ctx_destroy(&ctx);
    return status;
}
