/* SPDX-License-Identifier: Apache-2.0 */
#include "help_groups.h"

#include <string.h>

#include "data.h"
#include "options.h"

/* Every option stands under one heading; those in `usual` are in the short help. Keys between blanks. */
static const struct {
    const char *title, *usual, *further;
} groups[] = {
    {"Data", " data query index source split val-split val-share test-share ",
     " task limit raw allow-extra allow-empty max-bad max-pixels ignore-exif fast-decode salvage "
     "dups "
     "strict "
     "suspicious "
     "per-class quarantine format classes original shard-size val train test "},
    {"Search", " trials space reduction hours ablate repeats ", ""},
    {"Measuring", " direction seconds ", " dtype cpu-time "},
    {"Bounds", " ram flash ms gmacs macs params int8 ", ""},
    {"Time and money", " probe price-per-hour ", ""},
    {"Learning rate", " lr-min lr-max steps lr-curve ", ""},
    {"Layers", " layers method rank energy keep ", ""},
    {"Pruning", " amount target-macs target-ms skip sensitivity recipe ",
     " structured unstructured nm per-layer round-to samples "},
    {"Integers", " calibration max-drop io ", " percentile samples skip per-tensor weight-bits val-samples "},
    {"Training for integers", "", " qat calibration percentile samples skip per-tensor weight-bits "},
    {"Network", " model from weights layer img-size freeze ",
     " head pool grid unfreeze-at lr-mult layer-decay partial reset-head in-chans norm contrast clahe-tiles clahe-clip "
     "mean "
     "std resize "
     "interpolation drop drop-path no-aux init whiten "},
    {"Teachers", " kd-temperature distill-loss-weight task-loss-weight hint attention ",
     " teacher teacher-weights hint-loss-weight attention-loss-weight "},
    {"Classifiers", " C folds standardize ", ""},
    {"Cross-validation", "", " folds fold group-by "},
    {"Training", " epochs batch-size opt lr preset augment patience ",
     " grad-accum-steps steps-per-epoch max-steps seed momentum nesterov opt-betas opt-eps opt-alpha trust-coef "
     "lookahead lookahead-alpha wd l1 max-norm clip-grad "
     "clip-value "
     "model-ema "
     "model-ema-decay bias-weight-decay norm-weight-decay freeze-norm sched warmup-epochs warmup-steps warmup-lr "
     "min-lr decay-epochs decay-milestones decay-rate poly-power restart-epochs restart-mult cycle-mode cycle-up "
     "cycle-down patience-epochs plateau-threshold cooldown-epochs pct-start div-factor final-div-factor anneal "
     "max-momentum base-momentum "
     "progressive-resize loss label-smoothing huber-delta balance monitor min-delta restore-best val-interval "},
    {"Augmentation by flags", "",
     " scale ratio crop-pad hflip vflip degrees translate shear perspective lens aa color-jitter pca-jitter reprob "
     "mixup "
     "cutmix augmented "},
    {"Answers", " topk tta gate explain ",
     " class patch stride randomize curves top-losses tta-scales mc-dropout ensemble ensemble-weights wrong-only "
     "selftest "},
    {"Run and results", " output fully-conv metric experiment resume config json csv sheet report license save ",
     " coefficients data-name date metrics offline directory force recovery-interval save-period checkpoint-hist "
     "log-interval histogram-interval out graph dot svg "
     "card suggest profile "
     "trace "
     "progress no-color quiet verbose "},
    {"Machine", " threads memory ",
     " device workers io-timeout cache no-feature-cache no-prefetch plan plan-effort plan-workspace conv-algo "},
};

enum { GROUPS = sizeof groups / sizeof *groups };

static bool has_key(const char *keys, const char *key)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", key);
    return strstr(keys, word) != NULL;
}

/* Headings of keys that are one thing to one verb and another to others. */
static const struct {
    const char *title;
    unsigned verbs;
} only_of[] = {{"Classifiers", V_LINEAR},
               {"Cross-validation", V_TRAIN},
               {"Pruning", V_PRUNE},
               {"Integers", V_QUANTIZE},
               {"Training for integers", V_TRAIN}};

static bool is_of(const verb *v, int group)
{
    for (size_t i = 0; i < sizeof only_of / sizeof *only_of; i++)
        if (strcmp(groups[group].title, only_of[i].title) == 0)
            return (v->mask & only_of[i].verbs) != 0;
    return true;
}

/* Headings whose usual keys are usual to one verb alone. */
static bool has_usual(const verb *v, int group)
{
    return strcmp(groups[group].title, "Teachers") != 0 || (v->mask & V_DISTILL);
}

/* Keys of a verb's options in a list, between blanks; how many. */
static int select_keys(const verb *v, int group, bool all, char keys[4096])
{
    int n = 0;
    const char *usual = all || has_usual(v, group) ? groups[group].usual : "";
    const char *further = all ? groups[group].further : "";
    snprintf(keys, 4096, " ");
    for (int i = 0; i < n_options; i++) {
        const fv_setting_row *o = &options[i];
        if (!is_of(v, group) || !option_shown(v, o) || !(has_key(usual, o->key) || has_key(further, o->key)))
            continue;
        snprintf(keys + strlen(keys), 4096 - strlen(keys), "%s ", o->key);
        n++;
    }
    return n;
}

/* Options that stand under no heading: none, which a test looks at. */
static void print_others(const verb *v, FILE *out)
{
    bool any = false;
    for (int i = 0; i < n_options; i++) {
        bool known = !option_shown(v, &options[i]);
        for (int g = 0; g < GROUPS; g++)
            known = known || has_key(groups[g].usual, options[i].key) || has_key(groups[g].further, options[i].key);
        char key[64];
        snprintf(key, sizeof key, " %s ", options[i].key);
        if (known)
            continue;
        fputs(any ? "" : "Others\n", out);
        options_help_some(v->mask, key, NULL, out);
        any = true;
    }
}

void help_groups(const verb *v, bool all, FILE *out)
{
    char keys[4096];
    int total = 0, shown = 0;
    for (int i = 0; i < n_options; i++)
        total += option_shown(v, &options[i]);
    all = all || total <= 12;
    for (int g = 0; g < GROUPS; g++) {
        const int n = select_keys(v, g, all, keys);
        if (n == 0)
            continue;
        fprintf(out, "%s%s\n", shown ? "\n" : "", groups[g].title);
        options_help_some(v->mask, keys, NULL, out);
        shown += n;
    }
    if (all)
        print_others(v, out);
    else
        fprintf(out, "\n%d further options: fovea %s --help-all\n", total - shown, v->name);
}

/* ---- shells ---- */

/* A text as one word of a shell: without what ends or changes it. */
static void plain(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(strchr("'\"`\\$:[]", *text) ? ' ' : *text, out);
}

static bool takes_path(const fv_setting_row *o)
{
    return o->kind == FV_SETTING_TEXT && o->value &&
           (strstr(o->value, "FILE") || strstr(o->value, "PATH") || strstr(o->value, "DIR"));
}

static void print_choices(FILE *out, const fv_setting_row *o)
{
    for (const char *p = o->choices; *p; p++)
        fputc(*p == ',' ? ' ' : *p, out);
}

static void bash(FILE *out)
{
    fputs("# bash completion of fovea; made by `fovea help completion bash`\n_fovea()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
          "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          out);
    for (const verb *v = verbs; v->name; v++)
        fprintf(out, "%s ", v->name);
    fputs("\" -- \"$word\"))\n        return\n    fi\n    case $before in\n", out);
    for (int i = 0; i < n_options; i++) {
        if (!options[i].choices)
            continue;
        fprintf(out, "    --%s) words='", options[i].key);
        print_choices(out, &options[i]);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n    if [ -z \"$words\" ] && [[ $word == -* ]]; then\n        case ${COMP_WORDS[1]} in\n", out);
    for (const verb *v = verbs; v->name; v++) {
        fprintf(out, "        %s) words='", v->name);
        for (int i = 0; i < n_options; i++)
            if (option_shown(v, &options[i]))
                fprintf(out, "--%s ", options[i].key);
        fputs("--help' ;;\n", out);
    }
    fputs(
        "        esac\n    elif [ -z \"$words\" ] && [ \"${COMP_WORDS[1]}\" = data ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
        "        words='",
        out);
    for (const data_action *a = data_actions; a->name; a++)
        fprintf(out, "%s ", a->name);
    fputs("'\n    fi\n    if [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
          "complete -o filenames -F _fovea fovea\n",
          out);
}

static void zsh(FILE *out)
{
    fputs("#compdef fovea\n# made by `fovea help completion zsh`\nlocal -a verbs\nverbs=(\n", out);
    for (const verb *v = verbs; v->name; v++) {
        fprintf(out, "  '%s:", v->name);
        plain(out, v->summary);
        fputs("'\n", out);
    }
    fputs(")\nif (( CURRENT == 2 )); then\n  _describe verb verbs\n  return\nfi\ncase $words[2] in\n", out);
    for (const verb *v = verbs; v->name; v++) {
        fprintf(out, "  %s) shift words; (( CURRENT-- )); _arguments \\\n", v->name);
        for (int i = 0; i < n_options; i++) {
            const fv_setting_row *o = &options[i];
            if (!option_shown(v, o))
                continue;
            fprintf(out, "    '--%s[", o->key);
            plain(out, o->help);
            fputc(']', out);
            if (o->choices) {
                fputs(":value:(", out);
                print_choices(out, o);
                fputc(')', out);
            } else if (o->kind != FV_SETTING_FLAG) {
                fputs(takes_path(o) ? ":path:_files" : ":value: ", out);
            }
            fputs("' \\\n", out);
        }
        fputs("    '*:file:_files' ;;\n", out);
    }
    fputs("esac\n", out);
}

static void fish(FILE *out)
{
    fputs("# made by `fovea help completion fish`\n", out);
    for (const verb *v = verbs; v->name; v++) {
        fprintf(out, "complete -c fovea -n __fish_use_subcommand -a %s -d '", v->name);
        plain(out, v->summary);
        fputs("'\n", out);
    }
    for (const verb *v = verbs; v->name; v++)
        for (int i = 0; i < n_options; i++) {
            const fv_setting_row *o = &options[i];
            if (!option_shown(v, o))
                continue;
            fprintf(out, "complete -c fovea -n '__fish_seen_subcommand_from %s' -l %s", v->name, o->key);
            if (o->letter)
                fprintf(out, " -s %c", o->letter);
            if (o->choices) {
                fputs(" -x -a '", out);
                print_choices(out, o);
                fputc('\'', out);
            } else if (o->kind != FV_SETTING_FLAG) {
                fputs(takes_path(o) ? " -r" : " -x", out);
            }
            fputs(" -d '", out);
            plain(out, o->help);
            fputs("'\n", out);
        }
}

bool help_completion(const char *shell, FILE *out)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, shell) == 0)
            return shells[i].print(out), true;
    return false;
}

/* ---- manuals ---- */

/* A text as roff takes it: no line begins with a dot, dashes are dashes. */
static void roff(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        begins = *text == '\n';
    }
}

static void manual_options(const verb *v, FILE *out)
{
    fputs(".SH OPTIONS\n", out);
    for (int g = 0; g < GROUPS; g++) {
        bool any = false;
        for (int i = 0; i < n_options; i++) {
            const fv_setting_row *o = &options[i];
            if (!is_of(v, g) || !option_shown(v, o) ||
                !(has_key(groups[g].usual, o->key) || has_key(groups[g].further, o->key)))
                continue;
            if (!any)
                fprintf(out, ".SS %s\n", groups[g].title);
            any = true;
            fputs(".TP\n", out);
            if (o->letter)
                fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
            fputs("\\fB\\-\\-", out);
            roff(out, o->key);
            fputs("\\fR", out);
            if (o->value) {
                fputs(" \\fI", out);
                roff(out, o->value);
                fputs("\\fR", out);
            }
            fputc('\n', out);
            roff(out, o->help);
            fputc('\n', out);
            if (o->choices) {
                fputs("One of ", out);
                print_choices(out, o);
                fputs(".\n", out);
            }
        }
    }
}

void help_manual(const verb *v, FILE *out)
{
    fprintf(out, ".TH fovea%s%s 1 \"\" \"fovea %s\"\n.SH NAME\nfovea%s%s \\- ", v ? "\\-" : "", v ? v->name : "",
            fv_version(), v ? "\\-" : "", v ? v->name : "");
    roff(out, v ? v->summary : "convolutional networks from image folder to product");
    fprintf(out, "\n.SH SYNOPSIS\n\\fBfovea %s\\fR ", v ? v->name : "VERB");
    roff(out, v ? v->usage : "[options]");
    fputc('\n', out);
    if (v) {
        manual_options(v, out);
        fputs(".SH EXAMPLES\n.nf\n", out);
        roff(out, v->examples);
        fputs(".fi\n", out);
        return;
    }
    fputs(".SH VERBS\n", out);
    for (const verb *w = verbs; w->name; w++) {
        fprintf(out, ".TP\n\\fB%s\\fR\n", w->name);
        roff(out, w->summary);
        fprintf(out, ": \\fBfovea\\-%s\\fR(1)\n", w->name);
    }
    fputs(".SH EXIT STATUS\n"
          "0 done; 2 usage; 3 data; 4 model; 5 memory; 6 device; 7 diverged, sanity failed; 8 a gate was not passed; 9 "
          "input or output; "
          "75 interrupted, resume it. \\fBfovea help codes\\fR lists the messages.\n",
          out);
}
