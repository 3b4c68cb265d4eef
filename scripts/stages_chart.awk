# SPDX-License-Identifier: Apache-2.0
# What `fovea linear --layers all --out csv` wrote, one panel a file, as one SVG: accuracy by stage, mean and deviation
# over folds, the best stage marked. Usage: awk -F, -f stages_chart.awk title1=... title2=... FILE.csv... >chart.svg
BEGIN {
    panel_width = 400; left = 60; top = 44; height = 220; bottom = 130; gap = 12
    low = 40; high = 100
}
FNR == 1 { panels++; count[panels] = 0; next }
{
    i = ++count[panels]
    name[panels, i] = $1
    mean[panels, i] = 100 * $3
    deviation[panels, i] = 100 * $4
    if (!best[panels] || mean[panels, i] >= mean[panels, best[panels]])
        best[panels] = i
}
function y_of(percent) { return top + height * (high - percent) / (high - low) }
function clipped(percent) { return percent < low ? low : percent > high ? high : percent }
function draw(p,    x0, step, i, x, path, percent) {
    x0 = left + (p - 1) * (panel_width + gap + left)
    step = panel_width / count[p]
    printf "<text x=\"%d\" y=\"22\" font-size=\"14\" font-weight=\"bold\" fill=\"#1c2430\">%s</text>\n", x0, p == 1 ? title1 : title2
    for (percent = low; percent <= high; percent += 10) {
        printf "<path stroke=\"#d3d9e2\" d=\"M%d %.1fh%d\"/>", x0, y_of(percent), panel_width
        printf "<text fill=\"#4a5666\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d%s</text>\n", x0 - 6, y_of(percent) + 4, percent,
            percent == high ? " %" : ""
    }
    for (i = 1; i <= count[p]; i++) {
        x = x0 + (i - 0.5) * step
        path = path (i == 1 ? "M" : "L") sprintf("%.1f %.1f", x, y_of(mean[p, i]))
        printf "<path stroke=\"#8fa3bf\" stroke-width=\"2\" d=\"M%.1f %.1fV%.1f\"/>", x, y_of(clipped(mean[p, i] - deviation[p, i])),
            y_of(clipped(mean[p, i] + deviation[p, i]))
        printf "<text fill=\"#4a5666\" text-anchor=\"end\" transform=\"translate(%.1f %d) rotate(-55)\">%s</text>\n", x + 4,
            top + height + 16, name[p, i]
    }
    printf "<path stroke=\"#2a6fb0\" stroke-width=\"2\" d=\"%s\"/>\n", path
    for (i = 1; i <= count[p]; i++)
        printf "<circle fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", i == best[p] ? "#c2571a" : "#2a6fb0", x0 + (i - 0.5) * step,
            y_of(mean[p, i]), i == best[p] ? 6 : 4
    i = best[p]
    printf "\n<text font-size=\"12\" font-weight=\"bold\" fill=\"#c2571a\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.1f %%</text>\n", x0 + (i - 0.5) * step,
        y_of(clipped(mean[p, i] + deviation[p, i])) - 8, mean[p, i]
}
END {
    width = left + panels * panel_width + (panels - 1) * (gap + left) + gap
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width,
        top + height + bottom, width, top + height + bottom
    print "<title>Accuracy of a linear classifier on each stage</title>"
    print "<g font-family=\"Helvetica,Arial,Liberation Sans,sans-serif\" font-size=\"11\" fill=\"none\">"
    printf "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, top + height + bottom
    for (p = 1; p <= panels; p++)
        draw(p)
    print "</g></svg>"
}
