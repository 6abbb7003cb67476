#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>

struct summary {
    const struct reading *reading;
    double median, least, most;
};

static struct summary summary_of(const struct bench_result *result, size_t index)
{
    double *values = memory_take(result->run_count * sizeof *values);
    for (uint32_t i = 0; i < result->run_count; i++)
        values[i] = result->runs[i].items.items[index].value;
    double median = bench_percentile(values, result->run_count, 0.5);
    struct summary summary = {&result->runs[0].items.items[index], median, values[0],
                              values[result->run_count - 1]};
    free(values);
    return summary;
}

/* 1234567.8 as `1,234,568`, 12.345 as `12.3`. */
static const char *number(double value, char ret[40])
{
    if (fabs(value) < 1000) {
        snprintf(ret, 40, fabs(value) < 10 ? "%.2f" : "%.1f", value);
        return ret;
    }
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%.0f", value), to = 0;
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0 && digits[i - 1] != '-')
            ret[to++] = ',';
        ret[to++] = digits[i];
    }
    ret[to] = '\0';
    return ret;
}

static bool is_met(const struct summary *s)
{
    return s->reading->sense == BENCH_AT_LEAST ? s->median >= s->reading->target
                                               : s->median <= s->reading->target;
}

/* `≥ 50 % · met`; empty where nothing is asked. */
static const char *verdict(const struct summary *s, char ret[80])
{
    char target[40];
    ret[0] = '\0';
    if (s->reading->sense != BENCH_SHOWN)
        snprintf(ret, 80, "%s %s %s: %s", s->reading->sense == BENCH_AT_LEAST ? "≥" : "≤",
                 number(s->reading->target, target), s->reading->unit, is_met(s) ? "met" : "MISSED");
    return ret;
}

void report_print(const struct bench_result *result, FILE *out)
{
    fprintf(out, "%s\n", result->row->title);
    for (size_t i = 0; i < result->runs[0].items.count; i++) {
        struct summary s = summary_of(result, i);
        char median[40], least[40], most[40], judged[80];
        fprintf(out, "  %-52s %12s %-3s (%s to %s)  %s\n", s.reading->name, number(s.median, median),
                s.reading->unit, number(s.least, least), number(s.most, most), verdict(&s, judged));
    }
    fflush(out);
}

/* ── the page ─────────────────────────────────────────────────────────────── */

/* The value behind the first line of a file of /proc that begins so. */
static void proc_line(const char *path, const char *begins, char *ret, size_t size)
{
    char line[256];
    FILE *file = fopen(path, "re");
    snprintf(ret, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, begins, strlen(begins)) != 0 || !colon)
            continue;
        snprintf(ret, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        ret[strcspn(ret, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

static void put_machine(FILE *out, const struct bench *bench)
{
    char model[128], memory[64];
    struct utsname system;
    proc_line("/proc/cpuinfo", "model name", model, sizeof model);
    proc_line("/proc/meminfo", "MemTotal", memory, sizeof memory);
    uname(&system);
    fprintf(out, "Machine: %s, %u processors, %s of memory, %s %s. Sojourn %s, %s sizes.\n\n", model,
            bench->environment->processors(), memory, system.sysname, system.release, SOJOURN_VERSION,
            bench->full ? "full" : "small");
}

static void put_row(FILE *out, const struct bench_result *result)
{
    fprintf(out, "## %s\n%s\n\n| | median of %u | from … to | target |\n|---|---|---|---|\n",
            result->row->title, result->row->how, result->run_count);
    for (size_t i = 0; i < result->runs[0].items.count; i++) {
        struct summary s = summary_of(result, i);
        char median[40], least[40], most[40], judged[80];
        fprintf(out, "| %s | %s %s | %s … %s | %s |\n", s.reading->name, number(s.median, median),
                s.reading->unit, number(s.least, least), number(s.most, most), verdict(&s, judged));
    }
    fprintf(out, "\nWhat limits it: %s\n\n", result->row->limits);
}

enum err report_write(const char *path, const struct bench *bench, const struct bench_result *results,
                      size_t count, struct err_detail *detail)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return err_fail(detail, ERR_IO, path, "%s", strerror(errno));
    fprintf(out,
            "# Performance\nMeasured by `sojourn bench%s --write %s`; each figure stands beside a bare "
            "baseline of the "
            "same run.\n\n",
            bench->full ? " --full" : "", path);
    put_machine(out, bench);
    for (size_t i = 0; i < count; i++)
        put_row(out, &results[i]);
    bool bad = ferror(out) != 0;
    if (fclose(out) != 0 || bad)
        return err_fail(detail, ERR_IO, path, "%s", strerror(errno));
    return ERR_OK;
}
