//! Random trees of blocks, some of them invalid, shown in any order. The node ends on the branch
//! with most work, as a naive model over the whole tree predicts.

use plexus_core::primitives::hash::Hash;
use plexus_core::protocol::packet::Role;
use plexus_tests::block_builder::{BlockBuilder, grind, key};
use plexus_tests::scenario::Scenario;
use plexus_tests::test_rng::TestRng;

use super::A_WHILE;

struct Tree {
    forge: BlockBuilder,
    /// Every block, with true if it and all blocks below it are valid.
    blocks: Vec<(Hash, bool)>,
}

fn grow(world: &Scenario, rng: &mut TestRng, count: usize) -> Tree {
    let mut forge = BlockBuilder::new(&world.network, "smith");
    let mut blocks = vec![(*world.network.id(), true)];
    for _ in 0..count {
        // Mostly near the newest, so that branches become long.
        let back = rng.below(6).min(blocks.len() as u64 - 1);
        let (parent, sound) = blocks[blocks.len() - 1 - usize::try_from(back).unwrap()];
        let base = world.time().minus_ms(1_000_000);
        let time = forge.block(&parent).header.time.max(base).plus_ms(1 + rng.below(2_000));
        let mut block = forge.draft(&parent, time, Vec::new());
        let bad = rng.one_in(25);
        if bad {
            block.author = key("nobody").public();
            forge.commit(&mut block);
        } else {
            grind(&mut block.header);
        }
        blocks.push((forge.keep(block), sound && !bad));
    }
    Tree { forge, blocks }
}

#[test]
fn a_node_ends_on_the_heaviest_valid_branch_of_a_random_tree() {
    for seed in 0..40 {
        let mut world = Scenario::new(seed);
        let mut rng = world.rng.clone();
        let tree = grow(&world, &mut rng, 60);
        let alice = world.full("alice");
        let inner: Vec<_> =
            tree.blocks.iter().map(|(hash, _)| tree.forge.block(hash).header.prev_hash).collect();
        let mut leaves: Vec<_> = tree.blocks.iter().filter(|(hash, _)| !inner.contains(hash)).collect();
        // For each leaf, a peer claims its branch. For each invalid leaf, an honest peer also
        // claims the valid part below it.
        while !leaves.is_empty() {
            let (leaf, sound) = *leaves.swap_remove(usize::try_from(rng.below(leaves.len() as u64)).unwrap());
            world.latency_ms = 1 + rng.below(80);
            let mut branch = tree.forge.branch(&leaf);
            let stranger = world.stranger(&format!("of {leaf}"), Role::Full, branch.clone());
            world.connect(stranger, alice);
            if !sound {
                let valid = |hash: &Hash| tree.blocks.iter().any(|(known, sound)| known == hash && *sound);
                branch.retain(|block| valid(&block.header.hash()));
                let honest = world.stranger(&format!("below {leaf}"), Role::Full, branch);
                world.connect(honest, alice);
            }
            world.elapse(rng.below(3_000));
        }
        world.elapse(4 * A_WHILE);
        let work = |hash: &Hash| tree.forge.history(hash).work();
        let most = tree.blocks.iter().filter(|(_, sound)| *sound).map(|(hash, _)| work(hash)).max();
        assert_eq!(Some(world.node(alice).chain().tip().total_work), most, "seed {seed}");
    }
}
