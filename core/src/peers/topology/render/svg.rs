//! A drawing as one self-contained SVG file, light or dark as its reader prefers.

use core::fmt;

use super::{Drawing, LinkLine, Spot, label, milliseconds};

/// The most nodes with which each has a label. With more, the label of a node appears under the
/// pointer.
pub const LABELS_MAX: usize = 80;
/// The width of the legend before it is scaled to the drawing, pixels.
const LEGEND_WIDTH: u32 = 960;
/// The height of the legend, likewise.
const LEGEND_HEIGHT: u32 = 52;
/// The position from which labels stand left of their nodes, so that they stay on the sheet.
const LABELS_LEFT: f64 = 0.9;

const STYLE: &str = "\
:root{--paper:#fff;--ink:#1d2733;--faint:#d5dce4;--link:#a9b4c0;--tree:#2f6fb3;--own:#12843f;--warn:#d1351b}
@media(prefers-color-scheme:dark){:root{--paper:#12171d;--ink:#e4eaf0;--faint:#2b343e;--link:#4c5966;--tree:#6aa9ea;\
--own:#4cc57f;--warn:#ff7a5f}}
.paper{fill:var(--paper)}text{font:11px system-ui,sans-serif;fill:var(--ink)}
.ring{fill:none;stroke:var(--faint);stroke-dasharray:3 4}.scale{text-anchor:middle}
.link{stroke:var(--link);stroke-width:1;opacity:.7}.tree{stroke:var(--tree);stroke-width:1.6}
.bridge{stroke:var(--warn);stroke-width:2.4}.node{fill:var(--tree);stroke:var(--paper);stroke-width:1.5}
.weak{fill:var(--warn)}.own{fill:var(--own)}.off{fill:var(--link)}
.name,.scale{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.name{font-family:ui-monospace,monospace;font-size:10px}
.title{font-size:14px;font-weight:600}
";

/// The layout of a drawing on its sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SvgOptions {
    /// The side of the square that it fills, pixels. The legend is below.
    pub size_px: u32,
    /// Whether nodes carry labels, up to [`LABELS_MAX`] nodes.
    pub labels: bool,
    /// The title above the drawing. If empty, there is none.
    pub title: String,
}

impl Default for SvgOptions {
    fn default() -> Self {
        Self { size_px: 960, labels: true, title: String::new() }
    }
}

struct Svg<'a> {
    drawing: &'a Drawing,
    options: &'a SvgOptions,
}

impl Svg<'_> {
    fn px(&self, part: f64) -> f64 {
        part * f64::from(self.options.size_px)
    }

    fn rings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let middle = self.px(0.5);
        for ring in &self.drawing.rings {
            let (radius, after) = (self.px(ring.radius), milliseconds(ring.after_us));
            writeln!(f, "<circle class=\"ring\" cx=\"{middle:.1}\" cy=\"{middle:.1}\" r=\"{radius:.1}\"/>")?;
            let above = middle - radius - 4.0;
            writeln!(f, "<text class=\"scale\" x=\"{middle:.1}\" y=\"{above:.1}\">{after}</text>")?;
        }
        Ok(())
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, line: &LinkLine) -> fmt::Result {
        let [a, b] = [line.a, line.b].map(|end| &self.drawing.spots[end as usize]);
        let class = class(line);
        let [x1, y1, x2, y2] = [a.x, a.y, b.x, b.y].map(|part| self.px(part));
        let (first, second, rtt) = (label(&a.key), label(&b.key), milliseconds(line.rtt_us));
        write!(f, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\">")?;
        writeln!(f, "<title>{first} – {second}: {rtt}</title></line>")
    }

    fn spot(&self, f: &mut fmt::Formatter<'_>, spot: &Spot) -> fmt::Result {
        let (x, y) = (self.px(spot.x), self.px(spot.y));
        let class = match (spot.own, spot.weak, spot.distance_us) {
            (true, _, _) => "node own",
            (false, true, _) => "node weak",
            (false, false, Some(_)) => "node",
            (false, false, None) => "node off",
        };
        let radius = radius(spot);
        let after = spot.distance_us.map_or("cut off from us".to_owned(), milliseconds);
        write!(f, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">")?;
        writeln!(f, "<title>{}: {after}</title></circle>", spot.key)
    }

    fn name(&self, f: &mut fmt::Formatter<'_>, spot: &Spot) -> fmt::Result {
        let gap = radius(spot) + 3.0;
        let (side, gap) = if spot.x < LABELS_LEFT { ("start", gap) } else { ("end", -gap) };
        let (x, y, name) = (self.px(spot.x) + gap, self.px(spot.y) + 3.5, label(&spot.key));
        writeln!(f, "<text class=\"name\" text-anchor=\"{side}\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>")
    }

    fn legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, scale) = (self.options.size_px, self.px(1.0) / f64::from(LEGEND_WIDTH));
        writeln!(f, "<g transform=\"translate(0 {size}) scale({scale:.4})\">")?;
        for (x, y, class, text) in [
            (20, 14, "node own", "this node"),
            (20, 34, "node off", "cut off from us"),
            (150, 14, "node", "node, as far out as a block takes to it"),
            (150, 34, "node weak", "its loss would split the network"),
        ] {
            writeln!(f, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5.5\"/>")?;
            writeln!(f, "<text x=\"{}\" y=\"{}\">{text}</text>", x + 12, y + 4)?;
        }
        for (x, y, class, text) in [
            (420, 14, "tree", "path of our blocks"),
            (420, 34, "link", "other link"),
            (590, 14, "bridge", "link whose loss would split the network"),
        ] {
            writeln!(f, "<line class=\"{class}\" x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>", x + 24)?;
            writeln!(f, "<text x=\"{}\" y=\"{}\">{text}</text>", x + 30, y + 4)?;
        }
        writeln!(f, "</g>")
    }
}

fn radius(spot: &Spot) -> f64 {
    if spot.own { 9.0 } else { 5.5 }
}

fn class(line: &LinkLine) -> &'static str {
    match (line.bridge, line.tree) {
        (true, _) => "bridge",
        (false, true) => "tree",
        (false, false) => "link",
    }
}

impl fmt::Display for Svg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.options.size_px;
        let height = size.saturating_add(size.div_ceil(LEGEND_WIDTH).saturating_mul(LEGEND_HEIGHT));
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {height}\" role=\"img\">"
        )?;
        writeln!(f, "<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{size}\" height=\"{height}\"/>")?;
        if !self.options.title.is_empty() {
            writeln!(f, "<text class=\"title\" x=\"16\" y=\"26\">{}</text>", escaped(&self.options.title))?;
        }
        self.rings(f)?;
        // The most important lines are drawn last, over the rest.
        for wanted in ["link", "tree", "bridge"] {
            for line in self.drawing.lines.iter().filter(|line| class(line) == wanted) {
                self.line(f, line)?;
            }
        }
        let spots = &self.drawing.spots;
        if self.options.labels && spots.len() <= LABELS_MAX {
            spots.iter().try_for_each(|spot| self.name(f, spot))?;
        }
        spots.iter().try_for_each(|spot| self.spot(f, spot))?;
        self.legend(f)?;
        writeln!(f, "</svg>")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Drawing {
    /// Returns the drawing as one SVG file: rings of equal latency, links, nodes, and a legend.
    /// Bridges and weak points have a warning colour.
    pub fn svg(&self, options: &SvgOptions) -> String {
        Svg { drawing: self, options }.to_string()
    }
}
