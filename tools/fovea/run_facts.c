/* SPDX-License-Identifier: Apache-2.0 */
#include "run_facts.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "output.h"

const char *run_status_name(run_status status)
{
    static const char *const names[] = {
        [RUN_UNKNOWN] = "-",         [RUN_RUNNING] = "running", [RUN_FINISHED] = "finished", [RUN_STOPPED] = "stopped",
        [RUN_DIVERGED] = "diverged", [RUN_FAILED] = "failed",   [RUN_KILLED] = "killed"};
    return names[status];
}

/* Whether a process holds the folder. The lock is tried only where a process that may be gone has left its number. */
static bool is_held(const char *dir)
{
    char path[4200], number[24];
    snprintf(path, sizeof path, "%s/.lock", dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool held = read(fd, number, sizeof number) > 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return held;
}

/* How the run ended, by its log's last word. */
static run_status judge_end(const json_t *event)
{
    const json_int_t error = json_integer_value(json_object_get(event, "error"));
    const char *text = json_string_value(json_object_get(event, "text"));
    if (error == -(json_int_t)FV_ERR_INTERRUPTED)
        return RUN_STOPPED;
    if (error)
        return error == -(json_int_t)FV_ERR_DIVERGED ? RUN_DIVERGED : RUN_FAILED;
    if (text && strcmp(text, fv_stop_text(FV_STOP_ASKED)) == 0)
        return RUN_STOPPED;
    for (int i = FV_STOP_DONE; text && i < FV_STOP_FAILED; i++)
        if (strcmp(text, fv_stop_text((fv_stop)i)) == 0)
            return RUN_FINISHED;
    return RUN_FAILED;
}

static void take_event(const char *line, run_facts *facts)
{
    json_t *event =
        strstr(line, "\"ev\":\"start\"") || strstr(line, "\"ev\":\"end\"") ? json_loads(line, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(event, "ev"));
    if (kind && strcmp(kind, "start") == 0) {
        facts->status = RUN_KILLED; /* unless more follows */
        if (facts->began == 0)
            facts->began = json_number_value(json_object_get(event, "wall"));
    } else if (kind) {
        facts->status = judge_end(event);
    }
    json_decref(event);
}

/* The log's first line tells when, its last ones how it ended: lines between may be many. */
static void read_log(const char *dir, run_facts *facts)
{
    enum { TAIL = 1 << 16 };
    char path[4200], line[8192];
    snprintf(path, sizeof path, "%s/events.jsonl", dir);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    if (fgets(line, sizeof line, f))
        take_event(line, facts);
    if (fseek(f, 0, SEEK_END) == 0 && ftell(f) > TAIL && fseek(f, -TAIL, SEEK_END) == 0)
        (void)!fgets(line, sizeof line, f); /* the rest of a line */
    else
        rewind(f);
    while (fgets(line, sizeof line, f))
        take_event(line, facts);
    fclose(f);
}

static void read_test(const char *dir, run_facts *facts)
{
    char path[4200];
    int count;
    const fv_metric *list = fv_metric_list(&count);
    snprintf(path, sizeof path, "%s/test.json", dir);
    json_t *test = json_load_file(path, 0, NULL);
    for (int i = 0; test && i < count; i++) {
        json_t *value = json_object_get(test, list[i].name);
        if (json_is_number(value))
            facts->scores[i] = json_number_value(value);
    }
    const char *told = json_string_value(json_object_get(test, "told_by"));
    snprintf(facts->test, sizeof facts->test, "%s", told ? told : "");
    json_decref(test);
}

void run_facts_read(const char *dir, run_facts *facts)
{
    *facts = (run_facts){0};
    for (int i = 0; i < FV_METRIC_COUNT; i++)
        facts->scores[i] = NAN;
    read_log(dir, facts);
    if (is_held(dir))
        facts->status = RUN_RUNNING;
    read_test(dir, facts);
}

fv_status run_facts_keep_test(const char *dir, const fv_metrics *test)
{
    char path[4200];
    int count;
    const fv_metric *list = fv_metric_list(&count);
    const fv_metric *told = &list[FV_METRIC_loss];
    json_t *root = json_pack("{s:I}", "samples", (json_int_t)test->samples);
    for (int i = count - 1; root && i >= 0; i--) {
        const double value = fv_metric_value(&list[i], test);
        if (!list[i].called[test->task] || !isfinite(value))
            continue;
        json_object_set_new(root, list[i].name, json_real(value));
        told = i == FV_METRIC_loss ? told : &list[i];
    }
    json_object_set_new(root, "told_by", json_string(told->name));
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(root);
    if (!text)
        return FV_ERR_NO_MEMORY;
    snprintf(path, sizeof path, "%s/test.json", dir);
    fv_status status = output_write(path, text, strlen(text));
    free(text);
    return status;
}
