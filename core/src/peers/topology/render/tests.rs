use proptest::prelude::*;

use super::*;

fn key(number: u32) -> PublicKey {
    let mut bytes = [2; 33];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    PublicKey::from_bytes(bytes)
}

fn topology(links: &[(u32, u32, u32)]) -> GraphTopology {
    GraphTopology::new(key(0), links.iter().map(|(a, b, rtt_ms)| (key(*a), key(*b), rtt_ms * 1_000)))
}

/// Returns two triangles that one link connects, and a separate pair.
fn sample() -> Drawing {
    Drawing::new(&topology(&[
        (0, 1, 10),
        (1, 2, 10),
        (2, 0, 30),
        (2, 3, 40),
        (3, 4, 10),
        (4, 5, 10),
        (5, 3, 10),
        (8, 9, 2),
    ]))
}

fn from_middle(spot: &Spot) -> f64 {
    let (x, y) = (spot.x - 0.5, spot.y - 0.5);
    (x * x + y * y).sqrt()
}

#[test]
fn the_circle_is_round() {
    for step in 0..1_000_u32 {
        let turn = f64::from(step) / 1_000.0;
        let (x, y) = unit(turn);
        let angle = turn * core::f64::consts::TAU;
        assert!((x - angle.cos()).abs() < 1e-8 && (y - angle.sin()).abs() < 1e-8, "{turn}: {x} {y}");
    }
}

#[test]
fn nodes_are_as_far_out_as_blocks_take() {
    let drawing = sample();
    let own = &drawing.spots[0];
    assert!(own.own && from_middle(own) < 1e-9);
    let mut reached: Vec<_> = drawing.spots.iter().filter(|spot| spot.distance_us.is_some()).collect();
    assert_eq!(reached.len(), 6);
    reached.sort_by_key(|spot| spot.distance_us);
    assert!(reached.is_sorted_by(|a, b| from_middle(a) <= from_middle(b) + 1e-9));
    assert!((from_middle(reached[5]) - RADIUS).abs() < 1e-9);
    let cut_off = drawing.spots.iter().filter(|spot| spot.distance_us.is_none());
    assert!(cut_off.clone().all(|spot| (from_middle(spot) - RADIUS_CUT_OFF).abs() < 1e-9));
    assert_eq!(cut_off.count(), 2);
}

#[test]
fn weak_points_bridges_and_our_paths_are_marked() {
    let drawing = sample();
    let weak: Vec<_> = drawing.spots.iter().filter(|spot| spot.weak).map(|spot| spot.key).collect();
    assert_eq!(weak, [key(2), key(3)]);
    let ends = |wanted: fn(&LinkLine) -> bool| {
        let lines = drawing.lines.iter().filter(move |line| wanted(line));
        lines.map(|line| (line.a, line.b)).collect::<Vec<_>>()
    };
    assert_eq!(ends(|line| line.bridge), [(2, 3), (6, 7)]);
    assert_eq!(ends(|line| line.tree), [(0, 1), (1, 2), (2, 3), (3, 4), (3, 5)]);
}

#[test]
fn rings_stand_at_round_latencies() {
    let rings: Vec<_> = sample().rings.iter().map(|ring| ring.after_us).collect();
    assert_eq!(rings, [5_000, 10_000, 20_000]);
    assert_eq!(round_times(u32::MAX).last(), Some(500_000_000));
    assert!(round_times(0).next().is_none());
    assert_eq!((milliseconds(20_000), milliseconds(12_345)), ("20 ms".to_owned(), "12.3 ms".to_owned()));
}

#[test]
fn a_picture_names_everything_once() {
    let (drawing, title) = (sample(), "a <b> & c".to_owned());
    let svg = drawing.svg(&SvgOptions { title, ..SvgOptions::default() });
    let count = |text: &str| svg.matches(text).count();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!((count("<line "), count("</line>"), count("class=\"bridge\"")), (8 + 3, 8, 2 + 1));
    assert_eq!(
        (count("class=\"node own\""), count("class=\"node weak\""), count("class=\"name\"")),
        (2, 3, 8)
    );
    assert_eq!((count("class=\"ring\""), count("a &lt;b&gt; &amp; c"), count("20 ms")), (3, 1, 1));
    assert_eq!((count("NaN"), count("inf")), (0, 0));
    let plain = drawing.svg(&SvgOptions { labels: false, ..SvgOptions::default() });
    assert_eq!(plain.matches("class=\"name\"").count(), 0);
}

#[test]
fn graphviz_gets_every_node_and_link() {
    let dot = sample().dot();
    assert!(dot.starts_with("graph plexus {") && dot.ends_with("}\n"));
    assert_eq!((dot.matches("label=\"0000000").count(), dot.matches(" -- ").count()), (8, 8));
    assert!(dot.contains("label=\"40 ms\", color=red"));
}

#[test]
fn we_are_drawn_alone() {
    let drawing = Drawing::new(&topology(&[]));
    assert_eq!((drawing.spots.len(), drawing.spots[0].x, drawing.spots[0].y), (1, 0.5, 0.5));
    assert!(drawing.lines.is_empty() && drawing.rings.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_graph_fits_its_square(
        links in proptest::collection::vec((0_u32..40, 0_u32..40, 1_u32..60_000), 0..80),
    ) {
        let topology = GraphTopology::new(key(0), links.into_iter().map(|(a, b, us)| (key(a), key(b), us)));
        let drawing = Drawing::new(&topology);
        prop_assert_eq!(drawing.spots.len(), topology.nodes().len());
        for spot in &drawing.spots {
            prop_assert!((0.0..=1.0).contains(&spot.x) && (0.0..=1.0).contains(&spot.y), "{spot:?}");
        }
        prop_assert_eq!(&Drawing::new(&topology), &drawing);
    }
}
