//! Latency: the round-trip time between two places, from a measured matrix, a table of regions, or
//! distances.
//!
//! All times are whole microseconds. No round trip is shorter than [`RTT_US_MIN`].

use core::fmt::Write as _;
use core::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rng::SimRng;

/// The shortest round trip, microseconds: two machines in one building.
pub const RTT_US_MIN: u32 = 500;
/// The longest round trip that a matrix may contain, milliseconds.
pub const RTT_MS_MAX: u32 = 60_000;
/// The most rows of a matrix.
pub const ROWS_MAX: usize = 2_048;
/// The longest round trip of the sphere, microseconds: between the two ends of a diameter.
pub const SPHERE_RTT_US: u64 = 300_000;

/// The latency model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Latency {
    /// Twelve regions of the world with typical round trips between them. Nodes are distributed as
    /// in reality.
    Regions,
    /// Points on a sphere. Round trips are in proportion to the straight line between them.
    Sphere,
    /// A measured matrix. Each node has a random row, or its own row if there are as many rows as
    /// nodes.
    Matrix(Matrix),
}

/// Measured round trips between places.
///
/// ```
/// use plexus_core::sim::{Matrix, MatrixError};
///
/// let matrix: Matrix = "# two places\n0, 80\n80, 0".parse().unwrap();
/// assert_eq!((matrix.rows(), matrix.rtt_us(0, 1)), (2, 80_000));
/// let short = MatrixError::Width { line: 2, expected: 2, found: 1 };
/// assert_eq!("0, 80\n80".parse::<Matrix>().unwrap_err(), short);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Row by row, microseconds.
    rtt_us: Arc<[u32]>,
    rows: usize,
}

/// The reason why a text is not a matrix of round trips.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// There are no numbers.
    #[error("no rows: expected lines of comma-separated round trips in milliseconds")]
    Empty,
    /// There are too many rows.
    #[error("over {ROWS_MAX} rows")]
    Rows,
    /// A row has another length than the matrix.
    #[error("line {line}: expected {expected} values, one for each row, found {found}")]
    Width {
        /// The line, from 1.
        line: usize,
        /// The number of rows.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A value is not a round trip.
    #[error(
        "line {line}, value {column}: \"{found}\" is not a number of milliseconds from 0 to {RTT_MS_MAX}"
    )]
    Value {
        /// The line, from 1.
        line: usize,
        /// The value's position in the line, from 1.
        column: usize,
        /// The value, cut to 32 characters.
        found: String,
    },
}

impl FromStr for Matrix {
    type Err = MatrixError;

    /// Reads round trips in milliseconds, one row a line, separated by commas. Lines that begin
    /// with `#` are comments.
    fn from_str(text: &str) -> Result<Self, MatrixError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let rows: Vec<_> =
            lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).take(ROWS_MAX + 1).collect();
        match rows.len() {
            0 => return Err(MatrixError::Empty),
            1..=ROWS_MAX => {}
            _ => return Err(MatrixError::Rows),
        }
        let mut rtt_us = Vec::with_capacity(rows.len() * rows.len());
        for &(line, row) in &rows {
            let found = row.split(',').count();
            if found != rows.len() {
                return Err(MatrixError::Width { line, expected: rows.len(), found });
            }
            for (column, value) in row.split(',').enumerate() {
                rtt_us.push(parse_ms(value.trim()).ok_or_else(|| MatrixError::Value {
                    line,
                    column: column + 1,
                    found: value.trim().chars().take(32).collect(),
                })?);
            }
        }
        Ok(Self { rtt_us: rtt_us.into(), rows: rows.len() })
    }
}

/// Returns milliseconds as whole microseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and rounding to microseconds is what is wanted"
)]
fn parse_ms(text: &str) -> Option<u32> {
    let ms: f64 = text.parse().ok()?;
    (0.0..=f64::from(RTT_MS_MAX)).contains(&ms).then(|| (ms * 1_000.0).round() as u32)
}

impl Matrix {
    /// Returns the number of places.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the round trip between two rows, microseconds: the mean of both directions.
    pub fn rtt_us(&self, a: usize, b: usize) -> u32 {
        let at = |row: usize, column: usize| self.rtt_us.get(row * self.rows + column).copied().unwrap_or(0);
        at(a, b).midpoint(at(b, a)).max(RTT_US_MIN)
    }
}

impl core::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Matrix").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Serialize for Matrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        for row in self.rtt_us.chunks(self.rows) {
            for (column, us) in row.iter().enumerate() {
                let comma = if column == 0 { "" } else { "," };
                // Writing to a string does not fail.
                let _ = write!(text, "{comma}{}.{:03}", us / 1_000, us % 1_000);
            }
            text.push('\n');
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A region: its share of nodes per mille, and its place on a map, in thousandths from the left and
/// the top.
struct Region {
    share: u32,
    x: u16,
    y: u16,
}

const fn region(share: u32, x: u16, y: u16) -> Region {
    Region { share, x, y }
}

/// North America's east and west, South America, Europe's west, middle and east, Africa, the Middle
/// East, India, East Asia, South-East Asia, Oceania.
const REGIONS: [Region; 12] = [
    region(190, 285, 285),
    region(120, 160, 295),
    region(40, 370, 630),
    region(140, 500, 215),
    region(210, 525, 220),
    region(70, 600, 190),
    region(20, 578, 645),
    region(25, 653, 360),
    region(40, 702, 395),
    region(80, 885, 300),
    region(40, 788, 493),
    region(25, 920, 690),
];

/// Typical round trips between regions, milliseconds, rounded.
const REGION_RTT_MS: [[u16; 12]; 12] = [
    [15, 65, 120, 75, 90, 120, 225, 190, 200, 165, 220, 200],
    [65, 15, 175, 140, 150, 180, 290, 250, 230, 110, 170, 145],
    [120, 175, 25, 190, 200, 230, 340, 290, 300, 270, 330, 310],
    [75, 140, 190, 12, 15, 45, 160, 115, 120, 230, 175, 260],
    [90, 150, 200, 15, 10, 35, 165, 105, 115, 225, 165, 265],
    [120, 180, 230, 45, 35, 18, 195, 120, 140, 200, 200, 300],
    [225, 290, 340, 160, 165, 195, 40, 170, 210, 350, 240, 320],
    [190, 250, 290, 115, 105, 120, 170, 25, 40, 150, 90, 190],
    [200, 230, 300, 120, 115, 140, 210, 40, 25, 125, 60, 150],
    [165, 110, 270, 230, 225, 200, 350, 150, 125, 25, 70, 115],
    [220, 170, 330, 175, 165, 200, 240, 90, 60, 70, 25, 95],
    [200, 145, 310, 260, 265, 300, 320, 190, 150, 115, 95, 20],
];

/// The shortest and the longest round trip between a node and its region's exchange, microseconds.
const ACCESS_US: (u32, u32) = (500, 8_000);

/// The places of a simulation's nodes.
#[derive(Debug)]
pub(super) struct LatencyModel {
    model: DelayModel,
    /// The microseconds that each node adds to every round trip.
    access_us: Vec<u32>,
}

#[derive(Debug)]
enum DelayModel {
    Regions(Vec<u8>),
    Sphere(Vec<[i32; 3]>),
    Matrix(Matrix, Vec<u16>),
}

impl LatencyModel {
    pub(super) fn new(latency: &Latency, nodes: u32, last_mile_us: u64, rng: &mut SimRng) -> Self {
        let model = match latency {
            Latency::Regions => DelayModel::Regions((0..nodes).map(|_| draw_region(rng)).collect()),
            Latency::Sphere => DelayModel::Sphere((0..nodes).map(|_| draw_point(rng)).collect()),
            Latency::Matrix(matrix) => {
                let rows = u64::try_from(matrix.rows()).unwrap_or(1);
                let mut draw =
                    |node| if rows == u64::from(nodes) { u64::from(node) } else { rng.below(rows) };
                let row = |node| u16::try_from(draw(node)).unwrap_or_default();
                DelayModel::Matrix(matrix.clone(), (0..nodes).map(row).collect())
            }
        };
        let (least, most) = if *latency == Latency::Regions { ACCESS_US } else { (0, 0) };
        // A frame passes the last mile on the way out and on the way back.
        let mut access = |_| {
            let own = rng.below(2 * last_mile_us + 1) + rng.below(u64::from(most - least) + 1);
            least + u32::try_from(own).unwrap_or(u32::MAX / 4)
        };
        Self { access_us: (0..nodes).map(&mut access).collect(), model }
    }

    /// Returns the round trip between two nodes, microseconds.
    pub(super) fn rtt_us(&self, a: u32, b: u32) -> u32 {
        let (a, b) = (a as usize, b as usize);
        let between = match &self.model {
            DelayModel::Regions(regions) => {
                u32::from(REGION_RTT_MS[usize::from(regions[a])][usize::from(regions[b])]) * 1_000
            }
            DelayModel::Sphere(points) => sphere_rtt_us(&points[a], &points[b]),
            DelayModel::Matrix(matrix, rows) => matrix.rtt_us(rows[a].into(), rows[b].into()),
        };
        between.max(RTT_US_MIN) + self.access_us[a] + self.access_us[b]
    }

    /// Returns the node's place in a picture: from 0 to 1, rightwards and downwards. Only for
    /// people to look at.
    pub(super) fn spot(&self, node: u32) -> (f64, f64) {
        let mut rng = SimRng::stream(node.into(), 0x5907);
        let mut off = || f64::from(rng.index(2_001)) / 1_000.0 - 1.0;
        let index = node as usize;
        match &self.model {
            DelayModel::Regions(regions) => {
                let region = &REGIONS[usize::from(regions[index])];
                (f64::from(region.x) / 1_000.0 + 0.03 * off(), f64::from(region.y) / 1_000.0 + 0.04 * off())
            }
            DelayModel::Sphere(points) => {
                let [x, y, z] = points[index].map(f64::from);
                // The far half of the sphere is beside the near one.
                let side = if z < 0.0 { 0.75 } else { 0.25 };
                let (x, y) = (x / SPHERE_RADIUS as f64, y / SPHERE_RADIUS as f64);
                (side + 0.24 * x, 0.5 + 0.48 * y)
            }
            DelayModel::Matrix(matrix, rows) => {
                let (x, y) = unfold(matrix, rows[index].into());
                ((x + 0.01 * off()).clamp(0.0, 1.0), (y + 0.01 * off()).clamp(0.0, 1.0))
            }
        }
    }
}

fn draw_region(rng: &mut SimRng) -> u8 {
    let mut left = rng.index(REGIONS.iter().map(|region| region.share).sum());
    let drawn = REGIONS.iter().position(|region| match left.checked_sub(region.share) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    drawn.and_then(|region| u8::try_from(region).ok()).unwrap_or_default()
}

/// The sphere's radius, in units of its points.
const SPHERE_RADIUS: i64 = 1 << 20;

/// Returns a uniformly distributed point of the sphere: the direction of a random point in a ball.
fn draw_point(rng: &mut SimRng) -> [i32; 3] {
    let span = 2 * SPHERE_RADIUS + 1;
    loop {
        let mut axis = || i64::try_from(rng.below(span.unsigned_abs())).unwrap_or_default() - SPHERE_RADIUS;
        let point = [axis(), axis(), axis()];
        let square: i64 = point.iter().map(|axis| axis * axis).sum();
        let length = square.isqrt();
        if (SPHERE_RADIUS / 8..=SPHERE_RADIUS).contains(&length) {
            return point.map(|axis| i32::try_from(axis * SPHERE_RADIUS / length).unwrap_or_default());
        }
    }
}

fn sphere_rtt_us(a: &[i32; 3], b: &[i32; 3]) -> u32 {
    let apart = |(a, b): (&i32, &i32)| (i64::from(*a) - i64::from(*b)).pow(2);
    let square: i64 = a.iter().zip(b).map(apart).sum();
    let line = square.isqrt().unsigned_abs();
    u32::try_from(line * SPHERE_RTT_US / (2 * SPHERE_RADIUS.unsigned_abs())).unwrap_or(u32::MAX / 4)
}

/// Returns a place of a matrix on a plane, from its round trips to two places that are far apart
/// (Faloutsos, Lin, "FastMap", 1995).
fn unfold(matrix: &Matrix, row: usize) -> (f64, f64) {
    let far = |from: usize| (0..matrix.rows()).max_by_key(|&to| matrix.rtt_us(from, to)).unwrap_or(0);
    let left = far(0);
    let right = far(left);
    let [across, a, b] =
        [(left, right), (left, row), (row, right)].map(|(a, b)| f64::from(matrix.rtt_us(a, b)));
    let x = (a * a - b * b + across * across) / (2.0 * across);
    let y = (a * a - x * x).max(0.0).sqrt();
    ((x / across).clamp(0.0, 1.0), (y / across).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_read_with_comments_and_a_floor() {
        let matrix: Matrix = "# places\n0.0, 10.25\n\n11.75,0\n".parse().unwrap();
        assert_eq!((matrix.rows(), matrix.rtt_us(0, 1), matrix.rtt_us(1, 0)), (2, 11_000, 11_000));
        assert_eq!(matrix.rtt_us(0, 0), RTT_US_MIN);
        let json = serde_json::to_string(&matrix).unwrap();
        assert_eq!(serde_json::from_str::<Matrix>(&json).unwrap(), matrix);
    }

    #[test]
    fn what_is_no_matrix_is_refused_by_name() {
        let error = |text: &str| text.parse::<Matrix>().unwrap_err();
        assert_eq!(error("# nothing\n"), MatrixError::Empty);
        assert_eq!(error("0,1\n1,0,2\n"), MatrixError::Width { line: 2, expected: 2, found: 3 });
        assert_eq!(error(&"0\n".repeat(ROWS_MAX + 1)), MatrixError::Rows);
        for value in ["-1", "NaN", "inf", "60001", "", "ten"] {
            let found = value.to_owned();
            assert_eq!(error(&format!("0,1\n{value},0")), MatrixError::Value { line: 2, column: 1, found });
        }
        assert!(error("0,x\n1,0").to_string().starts_with("line 1, value 2: \"x\""));
    }

    #[test]
    fn regions_are_symmetric_and_their_shares_add_up() {
        for (a, row) in REGION_RTT_MS.iter().enumerate() {
            for (b, rtt) in row.iter().enumerate() {
                assert_eq!(*rtt, REGION_RTT_MS[b][a], "{a} and {b}");
            }
        }
        assert_eq!(REGIONS.iter().map(|region| region.share).sum::<u32>(), 1_000);
    }

    #[test]
    fn round_trips_are_symmetric_and_places_lie_in_the_picture() {
        let matrix: Matrix = "0,40,90\n40,0,60\n90,60,0".parse().unwrap();
        let own = LatencyModel::new(&Latency::Matrix(matrix.clone()), 3, 0, &mut SimRng::stream(1, 2));
        assert_eq!([own.rtt_us(0, 1), own.rtt_us(0, 2), own.rtt_us(1, 2)], [40_000, 90_000, 60_000]);
        for latency in [Latency::Regions, Latency::Sphere, Latency::Matrix(matrix)] {
            let terrain = LatencyModel::new(&latency, 50, 1_000, &mut SimRng::new(3));
            for a in 0..50 {
                let (x, y) = terrain.spot(a);
                assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "{latency:?} {x} {y}");
                for b in 0..50 {
                    assert_eq!(terrain.rtt_us(a, b), terrain.rtt_us(b, a));
                    assert!((RTT_US_MIN..400_000).contains(&terrain.rtt_us(a, b)));
                }
            }
        }
    }
}
