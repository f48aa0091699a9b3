//! A drawing for [Graphviz](https://graphviz.org/doc/info/lang.html), whose programs compute a new
//! layout or keep the positions.

use core::fmt;

use super::{Drawing, label, milliseconds};

/// The length of the drawing's side, in Graphviz's inches.
const SIDE: f64 = 10.0;

struct Dot<'a>(&'a Drawing);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drawing { spots, lines, .. } = self.0;
        writeln!(
            f,
            "graph plexus {{\n  layout=neato;\n  node [shape=circle, fontsize=9];\n  edge [fontsize=8];"
        )?;
        for spot in spots {
            let (x, y) = (spot.x * SIDE, (1.0 - spot.y) * SIDE);
            let look = match (spot.own, spot.weak) {
                (true, _) => ", style=filled, fillcolor=lightblue",
                (false, true) => ", color=red, penwidth=2",
                (false, false) => "",
            };
            let label = label(&spot.key);
            writeln!(f, "  \"{}\" [label=\"{label}\", pos=\"{x:.3},{y:.3}!\"{look}];", spot.key)?;
        }
        for line in lines {
            let [a, b] = [line.a, line.b].map(|end| spots[end as usize].key);
            let look = match (line.bridge, line.tree) {
                (true, _) => ", color=red, penwidth=2",
                (false, true) => ", penwidth=2",
                (false, false) => ", color=gray",
            };
            writeln!(f, "  \"{a}\" -- \"{b}\" [label=\"{}\"{look}];", milliseconds(line.rtt_us))?;
        }
        writeln!(f, "}}")
    }
}

impl Drawing {
    /// Returns the drawing as a Graphviz graph: nodes by their full keys, each link with its round
    /// trip, bridges and weak points in red.
    pub fn dot(&self) -> String {
        Dot(self).to_string()
    }
}
