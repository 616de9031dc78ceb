"""Pictures of how something grows: logarithmic axes, one SVG without dependencies, readable on light and dark pages."""

import math
from html import escape

WIDTH, PLOT_HEIGHT = 860, 240
LEFT, RIGHT, GAP = 52, 22, 14
HEAD, LEGEND, SUBTITLE, FOOT = 46, 24, 30, 52
MARKS = "abcd"
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #5c5b57; font-variant-numeric: tabular-nums; }
  .title { font-size: 16px; font-weight: 600; fill: #1d1d1b; }
  .panel, .legend { font-size: 13px; fill: #1d1d1b; }
  .value { font-size: 11px; fill: #1d1d1b; paint-order: stroke; stroke: #fcfcfa; stroke-width: 3px; stroke-linejoin: round; }
  .paper { fill: #fcfcfa; stroke: #dcdad3; }
  .grid { stroke: #e6e4dd; } .axis { stroke: #8b8981; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .spread { stroke-width: 1.5; opacity: .55; }
  .mark { stroke: #fcfcfa; stroke-width: 1.5; }
  .a { stroke: #2463c7; } .mark.a { fill: #2463c7; stroke: #fcfcfa; }
  .b { stroke: #c2500a; } .mark.b { fill: #c2500a; stroke: #fcfcfa; }
  .c { stroke: #157a55; } .mark.c { fill: #157a55; stroke: #fcfcfa; }
  .d { stroke: #8a3fa8; } .mark.d { fill: #8a3fa8; stroke: #fcfcfa; }
  @media (prefers-color-scheme: dark) {
    text { fill: #a9a7a0; } .title, .panel, .legend { fill: #efeee9; }
    .value { fill: #efeee9; stroke: #1a1a19; }
    .paper { fill: #1a1a19; stroke: #3a3936; } .grid { stroke: #31302d; } .axis { stroke: #7d7b74; }
    .mark { stroke: #1a1a19; }
    .a { stroke: #74a9ff; } .mark.a { fill: #74a9ff; stroke: #1a1a19; }
    .b { stroke: #ff9a57; } .mark.b { fill: #ff9a57; stroke: #1a1a19; }
    .c { stroke: #4ecb98; } .mark.c { fill: #4ecb98; stroke: #1a1a19; }
    .d { stroke: #d394ec; } .mark.d { fill: #d394ec; stroke: #1a1a19; }
  }
"""


class Line:
    """What is drawn in one colour: a list of (x, median, smallest, largest), by x."""

    def __init__(self, name, points):
        self.name, self.points = name, points


class Panel:
    """One figure with its unit, and one line or several."""

    def __init__(self, title, lines):
        self.title, self.lines = title, lines

    def values(self):
        return [value for line in self.lines for point in line.points for value in point[1:] if value > 0]


def short(value):
    """1, 20, 0.5, 3k, 1.5M: what stands at an axis or a point."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit * 0.9995:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}" if value >= 0.01 or value == 0 else f"{value:.1g}"


def ticks(least, most):
    """Values of a scale that holds both, a decade at least, which begins and ends with one of them."""
    middle = math.sqrt(least * most)
    least, most = min(least, middle / 3.2), max(most, middle * 3.2)
    decades = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    steps = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    first = max(index for index, step in enumerate(steps) if step <= least * 1.0001)
    last = min(index for index, step in enumerate(steps) if step >= most * 0.9999)
    return steps[first:last + 1]


def labelled(values):
    """Those of a scale that get a label: only the powers of ten where there are enough of them."""
    tens = [value for value in values if abs(math.log10(value) - round(math.log10(value))) < 1e-9]
    return tens if len(tens) > 2 else values


class Horizontal:
    """The scale of what grows; 0 stands a decade left of the smallest other value."""

    def __init__(self, values, left, right):
        others = [value for value in values if value > 0] or [1]
        self.zero, self.left, self.right = min(others) / 10, left, right
        low = self.zero if 0 in values else min(others)
        self.low, self.high = math.log10(low), math.log10(max(others))

    def at(self, value):
        share = (math.log10(value or self.zero) - self.low) / ((self.high - self.low) or 1)
        return self.left + 12 + share * (self.right - self.left - 24)


class Vertical:
    """The scale of a figure."""

    def __init__(self, values, top):
        self.ticks, self.top = ticks(min(values), max(values)), top
        self.low, self.high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])

    def at(self, value):
        share = (math.log10(max(value, self.ticks[0])) - self.low) / (self.high - self.low)
        return self.top + (1 - share) * PLOT_HEIGHT


def text(x, y, words, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(words)}</text>'


def stroke(kind, x1, y1, x2, y2):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def mark(kind, x, y):
    """A shape of its own for each colour."""
    if kind == "a":
        return f'<circle class="mark a" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind == "c" else ""
    if kind == "d":
        return f'<path class="mark d" d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>'
    return f'<rect class="mark {kind}" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"{turn}/>'


def curve(kind, line, across, up):
    """The line, how far its runs are apart, and its points; 0 is not joined to what is on the logarithmic scale."""
    joined = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y, _, _ in line.points if x > 0)
    yield f'<polyline class="line {kind}" points="{joined}"/>'
    for x, _, least, most in line.points:
        yield stroke(f"spread {kind}", across.at(x), up.at(least), across.at(x), up.at(most))
    for x, y, _, _ in line.points:
        yield mark(kind, across.at(x), up.at(y))


def apart(labels, half_letter):
    """Those of the centred texts (x, y, words) that keep clear of each other, the last one first."""
    kept = labels[-1:]
    for x, y, words in labels[:-1]:
        clear = all(abs(x - other) > half_letter * (len(words) + len(said)) + 4 for other, _, said in kept)
        if clear:
            kept.append((x, y, words))
    return kept


def axes(across, up, values, name, left, right):
    bottom = up.top + PLOT_HEIGHT
    for value in labelled(up.ticks):
        yield stroke("grid", left, up.at(value), right, up.at(value))
        yield text(left - 8, up.at(value) + 4, short(value), anchor="end")
    yield stroke("axis", left, bottom, right, bottom)
    for value in values:
        yield stroke("axis", across.at(value), bottom, across.at(value), bottom + 4)
    for x, _, words in apart([(across.at(value), bottom, short(value)) for value in values], 3.8):
        yield text(x, bottom + 18, words, anchor="middle")
    yield text((left + right) / 2, bottom + 38, name, anchor="middle")


def panel(panel_, name, left, right, top):
    yield text(left, top - 12, panel_.title, "panel")
    values = sorted({point[0] for line in panel_.lines for point in line.points})
    across, up = Horizontal(values, left, right), Vertical(panel_.values(), top)
    yield from axes(across, up, values, name, left, right)
    for kind, line in zip(MARKS, panel_.lines):
        yield from curve(kind, line, across, up)
    if len(panel_.lines) == 1:
        points = panel_.lines[0].points
        for x, y, words in apart([(across.at(x), up.at(most), short(y)) for x, y, _, most in points], 3.4):
            yield text(x, y - 9, words, "value", "middle")


def legend(lines):
    left = 18
    for kind, line in zip(MARKS, lines):
        yield stroke(f"line {kind}", left, HEAD + 4, left + 24, HEAD + 4)
        yield mark(kind, left + 12, HEAD + 4)
        yield text(left + 32, HEAD + 8, line.name, "legend")
        left += 56 + 6.7 * len(line.name)


def svg(title, description, grows, panels):
    """The whole picture; `grows` names what is on the horizontal axis, with its unit."""
    many = len(panels[0].lines) > 1
    top = HEAD + SUBTITLE + (LEGEND if many else 0)
    height, width = top + PLOT_HEIGHT + FOOT, (WIDTH - GAP) / len(panels)
    parts = [text(18, 30, title, "title")]
    if many:
        parts.extend(legend(panels[0].lines))
    for index, one in enumerate(panels):
        left = GAP / 2 + index * width
        parts.extend(panel(one, grows, left + LEFT, left + width - RIGHT, top))
    inside = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
<style>{STYLE}</style>
<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>
{inside}
</svg>
"""
