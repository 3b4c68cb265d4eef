/* SPDX-License-Identifier: Apache-2.0 */
/* fovea help and fovea version. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "data.h"
#include "help_groups.h"

static const struct {
    const char *name, *text;
} topics[] = {
    {"data", "What --data may be\n"
             "  folder of classes   PATH/{train,val,test}/CLASS/*.jpg|png, or PATH/CLASS/* (then --val-split 0.2)\n"
             "                      also training, valid, validation, evaluation; a test folder of images\n"
             "                      without labels is left out, but not by predict with --split test\n"
             "                      files are judged by content, not by name\n"
             "  manifest            FILE.csv with the header path,label[,split,weight,group], FILE.jsonl with\n"
             "                      the same keys, or a folder with manifest.csv or manifest.jsonl in it;\n"
             "                      paths are relative to its folder; label a|b|c: several classes;\n"
             "                      --task regression, or columns target0, target1: numbers\n"
             "  NumPy arrays        PATH/[SPLIT_|SPLIT/]images.npy (N, height, width[, bands]) and labels.npy:\n"
             "                      (N) integers: classes; floats: numbers; (N, K) of 0 and 1: several classes\n"
             "  WebDataset shards   FILE.tar, or a folder of train-*.tar, val-*.tar: KEY.jpg and KEY.cls or KEY.json\n"
             "  packed file         FILE.fvpack (`fovea data pack`)\n"
             "  IDX                 PATH/train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-...\n"
             "  CIFAR binary        PATH/data_batch_*.bin[.gz], test_batch*.bin[.gz]\n"
             "Class indices are the byte-wise sorted class names of the training split, or the lines of classes.txt;\n"
             "other splits are mapped by name.\n"},
    {"config",
     "Recipes (-c FILE)\n"
     "  YAML lines `key: value`, the keys are the long flags of `fovea train`; lists in [a, b]; # begins a comment.\n"
     "  The sections model:, data: and aug: may hold one more level. Flags on the command line win.\n"
     "  Every run writes args.yaml, a recipe that repeats it. Its relative paths are from its `directory`, where\n"
     "  the run began, or from the working directory where they are found there only, as after a move.\n"},
    {"environment",
     "Environment\n"
     "  FOVEA_NUM_THREADS   threads, then OMP_NUM_THREADS, then affinity mask and cgroup quota\n"
     "  FOVEA_CPU           scalar, neon, avx2, avx512: strongest instruction set to use\n"
     "  FOVEA_ZOO           folder of pretrained networks (squeezenet1_1.safetensors, ...) that training\n"
     "                      on photographs may start from, and zoo get puts them into; an index.json there\n"
     "                      lists more of them\n"
     "  FOVEA_LOG           topics to explain on standard error: plan\n"
     "  NO_COLOR, TERM=dumb plain progress\n"},
};

static const struct {
    fv_status status;
    const char *name;
} codes[] = {
#define ROW(name, number, text, cure) {FV_ERR_##name, #name},
    FV_STATUS_LIST(ROW)
#undef ROW
};

static fv_status help_code(const char *word)
{
    long number = strtol(word + 1, NULL, 10);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (-(long)codes[i].status != number)
            continue;
        printf("E%ld %s: %s.\nCure: %s.\nExit code: %d\n", number, codes[i].name, fv_status_text(codes[i].status),
               fv_status_cure(codes[i].status), fv_status_exit_code(codes[i].status));
        return FV_OK;
    }
    return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help codes` lists them", "no message code %s", word);
}

static fv_status help_augment(void)
{
    puts("Augmentation (--augment, or `augment: [STEP, STEP]` in a recipe)\n"
         "  Steps separated by ; or , with settings key=value, or key=low..high to draw from.\n"
         "  For one value v of the settings marked -v..v the range is -v..v. One of rrc and scale_crop may take the "
         "place\n"
         "  of the model's own resizing; mixup and cutmix work on whole batches; the rest runs in the order written.\n"
         "  What happens to an image is a function of seed, epoch and image alone.\n\n"
         "  fovea train --data photos --augment 'rrc scale=0.2..1; hflip; rotate degrees=10 p=0.3; mixup alpha=0.2'\n"
         "  fovea data show --data photos --augment 'rrc; hflip; jitter' --augmented 16 --output sheet.png\n");
    for (int i = 0; i < fv_augment_count(); i++) {
        char text[2048];
        fv_augment_describe(i, text, sizeof text);
        printf("  %s\n", text);
    }
    return FV_OK;
}

static fv_status help_all(void)
{
    printf("fovea %s: convolutional networks from image folder to product\n\nVerbs:\n", fv_version());
    for (const verb *v = verbs; v->name; v++)
        printf("  %-9s %s\n", v->name, v->summary);
    printf("\n`fovea help VERB` shows the options. Topics: ");
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        printf("%s, ", topics[i].name);
    printf("models, layers [NAME], augment, codes, completion SHELL, man [VERB].\n\nFirst steps:\n"
           "  fovea data make digits --output digits\n"
           "  fovea train --data digits --model mnist_cnn --epochs 3 --opt adam\n"
           "  fovea predict --model runs/train/exp/weights/best.safetensors --source YOUR_IMAGE.png\n");
    return FV_OK;
}

static fv_status help_verb(const verb *v, bool all)
{
    printf("fovea %s: %s\n\nUsage: fovea %s %s\n\n", v->name, v->summary, v->name, v->usage);
    for (const data_action *a = data_actions; v->mask == V_DATA && a->name; a++)
        printf("  %-6s %s (`fovea help data %s`)\n%s", a->name, a->summary, a->name, a[1].name ? "" : "\n");
    help_groups(v, all, stdout);
    printf("\nExamples:\n%s", v->examples);
    if (v->mask == V_TRAIN || v->mask == V_INFO) {
        const char *const *names = fv_zoo_names();
        char text[1024] = "";
        for (int i = 0; names[i]; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", names[i]);
        fputs("\nArchitectures: ", stdout);
        help_wrap(stdout, text, (int)strlen("Architectures: "), help_width());
    }
    return FV_OK;
}

/* What a key takes: "N", "[H, W]", "true|false", or its choices. */
static void key_form(const fv_attr *key, char text[512])
{
    static const char *const forms[] = {
        [FV_ATTR_INT] = "N",         [FV_ATTR_INT2] = "N|[H, W]", [FV_ATTR_PAD] = "N|[V, H]|[T, L, B, R]",
        [FV_ATTR_INTS] = "[N, ...]", [FV_ATTR_REAL] = "F",        [FV_ATTR_BOOL] = "true|false"};
    text[0] = '\0';
    if (key->kind != FV_ATTR_ENUM)
        snprintf(text, 512, "%s", forms[key->kind]);
    for (int i = 0; key->kind == FV_ATTR_ENUM && key->names[i]; i++)
        snprintf(text + strlen(text), 512 - strlen(text), "%s%s", i ? "|" : "", key->names[i]);
}

static void key_default(const fv_attr *key, char text[64])
{
    text[0] = '\0';
    if (key->kind == FV_ATTR_BOOL)
        snprintf(text, 64, " [%s]", key->def != 0 ? "true" : "false");
    else if (key->kind == FV_ATTR_ENUM)
        snprintf(text, 64, " [%s]", key->names[(int)key->def]);
    else if (key->kind != FV_ATTR_INTS && key->def >= key->min && key->def <= key->max)
        snprintf(text, 64, " [%.9g]", key->def);
}

static void help_layer(const fv_layer_kind *layer)
{
    const int width = help_width();
    char line[1024], form[512], value[64];
    printf("%s", layer->name);
    if (layer->inputs[1] > 1 && layer->inputs[0] == layer->inputs[1])
        printf(" (%d inputs)", layer->inputs[0]);
    else if (layer->inputs[1] > 1)
        printf(" (%d to %d inputs)", layer->inputs[0], layer->inputs[1]);
    fputs("\n    ", stdout);
    help_wrap(stdout, layer->doc, 4, width);
    for (const fv_attr *key = layer->keys; key && key->key; key++) {
        key_form(key, form);
        key_default(key, value);
        snprintf(line, sizeof line, "%s: %s. %s%s%s", key->key, form, key->doc ? key->doc : "", value,
                 layer->main && strcmp(layer->main, key->key) == 0 ? " (may stand alone)" : "");
        fputs("      ", stdout);
        help_wrap(stdout, line, 8, width - 2);
    }
}

/* The layers that architecture files are made of, or one of them. */
static fv_status help_layers(const char *name)
{
    fv_layer_kind layer;
    const char *names[256] = {NULL};
    bool found = false;
    if (!name)
        puts("Layers of architecture files (docs/architecture-files.md): `- NAME: {key: value, ...}`\n"
             "  src, wei, bia and dst are operands; n h w c an image's numbers, p q k those of the result; r s those "
             "of\n"
             "  a filter; [default]. Every layer also takes name, id and from. `fovea help layers NAME` shows one.\n");
    for (int i = 0; fv_layer_kind_at(i, &layer); i++) {
        if (i < 255)
            names[i] = layer.name;
        if (name && strcmp(name, layer.name) != 0)
            continue;
        help_layer(&layer);
        found = true;
    }
    if (found)
        return FV_OK;
    const char *near = fv_nearest(name, names);
    return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help layers` lists them", "there is no layer '%s'%s%s%s", name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static fv_status help_models(void)
{
    puts("Architectures (--model NAME)");
    const char *const *names = fv_zoo_names();
    char text[1024] = "";
    for (int i = 0; names[i]; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", names[i]);
    fputs("  ", stdout);
    help_wrap(stdout, text, 2, help_width());
    puts("`fovea info NAME` shows layers, parameters and multiply-adds of one. --weights FILE starts from trained\n"
         "weights with torchvision's names; without --model the architecture that they fit is taken. Training on\n"
         "photographs without --model starts from the best NAME.safetensors in the folder that FOVEA_ZOO names,\n"
         "and up to 10,000 of them without any such file get resnet8 at 64 pixels and a recipe for it.\n"
         "Networks of your own are YAML files: docs/architecture-files.md. The table of the built-in ones and\n"
         "how trained ones are fetched: docs/zoo.md, `fovea zoo list`.");
    return FV_OK;
}

/* What a package installs: completions and manual pages. */
static fv_status help_file(const char *word, const char *which)
{
    if (strcmp(word, "completion") == 0)
        return which && help_completion(which, stdout)
                   ? FV_OK
                   : complain(FV_ERR_USAGE, "fovea help completion bash | zsh | fish", "completion for which shell?");
    const verb *v = verbs;
    while (which && v->name && strcmp(v->name, which) != 0)
        v++;
    if (which && !v->name)
        return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help` lists the verbs", "no verb '%s'", which);
    help_manual(which ? v : NULL, stdout);
    return FV_OK;
}

fv_status verb_help(settings *c)
{
    const char *word = c->positional[0];
    if (!word)
        return help_all();
    if (word[0] == 'E' && isdigit((unsigned char)word[1]))
        return help_code(word);
    if (strcmp(word, "augment") == 0)
        return help_augment();
    if (strcmp(word, "codes") == 0) {
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
            printf("E%-6d %s\n", -(int)codes[i].status, fv_status_text(codes[i].status));
        return FV_OK;
    }
    const bool all = c->positional[1] && strcmp(c->positional[1], "all") == 0;
    if (strcmp(word, "completion") == 0 || strcmp(word, "man") == 0)
        return help_file(word, c->positional[1]);
    if (strcmp(word, "models") == 0)
        return help_models();
    if (strcmp(word, "layers") == 0)
        return help_layers(c->positional[1]);
    if (c->positional[1] && !all) {
        const data_action *a = strcmp(word, "data") == 0 ? data_action_find(c->positional[1]) : NULL;
        if (!a)
            return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help data` lists its actions", "no help on '%s %s'", word,
                            c->positional[1]);
        data_action_help(a);
        return FV_OK;
    }
    for (const verb *v = verbs; v->name; v++)
        if (strcmp(v->name, word) == 0 && v->mask != V_DATA)
            return help_verb(v, all);
        else if (strcmp(v->name, word) == 0)
            help_verb(v, all);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (strcmp(topics[i].name, word) == 0)
            return printf("\n%s", topics[i].text) < 0 ? FV_ERR_IO : FV_OK;
    return complain(FV_ERR_UNKNOWN_OPTION, "`fovea help` lists verbs and topics", "no help on '%s'", word);
}

fv_status verb_version(settings *c)
{
    (void)c;
    printf("fovea %s\n", fv_version());
    return FV_OK;
}
