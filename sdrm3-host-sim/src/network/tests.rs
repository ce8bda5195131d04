//! Checks the zoo against the published figures, and the structural checks against broken networks.

use super::builder::{Builder, Padding};
use super::*;

/// Largest accepted deviation from a published figure, in percent.
const TOLERANCE: f64 = 5.0;

/// Published multiply-accumulates that the published shapes do not give; see the network's file.
const MACS_DIFFER: [&str; 1] = ["res8"];

/// Sub-networks with other parameters than the published ones: reconstructed to meet the
/// multiply-accumulates at one resolution, see the head of `ofa.rs`.
const PARAMS_DIFFER: [&str; 2] = ["482m", "389m"];

/// Networks in which every layer reads the one before it.
const CHAINS: [&str; 6] = ["fbnet_c", "ofa_mobilenet_v3", "kws_res8", "sos_net", "ed_tcn", "vgg_voxceleb"];

/// Deviation from a published figure in percent.
fn deviation(own: u64, published: u64) -> f64 {
    (own as f64 / published as f64 - 1.0) * 100.0
}

fn heaviest(name: &str) -> SubNetwork {
    find(name).expect("a zoo network").subnetworks.swap_remove(0)
}

/// A network of `depths.len()` sub-networks with that many equal convolutions.
fn plain_network(depths: &[u32]) -> Network {
    let subnetworks = depths.iter().map(|&depth| {
        let mut b = Builder::new(4, 8, 8);
        for index in 0..depth {
            b.conv(&format!("conv{index}"), 4, 3, 1, Padding::Same);
        }
        SubNetwork::new(format!("depth{depth}"), b.into_layers())
    });
    let mut network = Network::single("plain", "Plain", "", SubNetwork::new("", Vec::new()));
    network.subnetworks = subnetworks.collect();
    network
}

#[test]
fn figures_match_the_published_ones() {
    for network in all() {
        for sub in &network.subnetworks {
            let name = sub.name.as_ref();
            let close = |own, published| deviation(own, published).abs() <= TOLERANCE;
            if let Some(published) = sub.published.macs {
                let own = sub.macs();
                assert_ne!(
                    close(own, published),
                    MACS_DIFFER.contains(&name),
                    "{name}: {own} MACs, {published}"
                );
            }
            if let Some(published) = sub.published.params {
                let own = sub.params() + network.lookup_params;
                assert_ne!(
                    close(own, published),
                    PARAMS_DIFFER.contains(&name),
                    "{name}: {own} parameters, {published}"
                );
            }
        }
    }
}

#[test]
fn networks_are_sound() {
    let networks = all();
    for network in &networks {
        network.check().expect("a sound network");
        assert_eq!(find(&network.name).as_ref(), Some(network));
    }
    let names: HashSet<_> = networks.iter().map(|network| &network.name).collect();
    assert_eq!(names.len(), networks.len());
    assert_eq!(find("unknown"), None);
}

#[test]
fn chains_hang_together() {
    for name in CHAINS {
        for sub in find(name).expect("a zoo network").subnetworks {
            for pair in sub.layers.windows(2) {
                let (from, to) = (&pair[0], &pair[1]);
                // A fully connected layer may flatten rows and columns into its inputs.
                let flattened = to.op == Op::FullyConnected && to.c % from.k == 0;
                assert!(to.c == from.k || flattened, "{name}: {} feeds {}", from.name, to.name);
            }
        }
    }
}

#[test]
fn ofa_subnetworks_share_work() {
    let network = find("ofa_mobilenet_v3").expect("a zoo network");
    let prefixes: Vec<_> = network.subnetworks.iter().map(|sub| sub.shared_prefix).collect();
    assert_eq!(network.subnetworks.len(), 4);
    assert!(prefixes[1] > 0 && prefixes[2] >= prefixes[1], "{prefixes:?}");
    assert!(!network.subnetworks[0].switch_points.is_empty());
    assert_eq!(network.shared_layers(0, 2), prefixes[1]);
    assert_eq!(network.shared_layers(1, 2), prefixes[2]);
    assert_eq!(network.shared_layers(0, 3), 0);
}

#[test]
fn dynamic_networks_save_what_is_published() {
    let skip_net = heaviest("skip_net");
    let saved = 1.0 - skip_net.expected_macs() / skip_net.macs() as f64;
    assert!((saved - 0.29942).abs() < 0.001, "skipped {saved}");

    let rapid_rl = heaviest("rapid_rl");
    let trunk = rapid_rl.layers.iter().filter(|layer| !layer.name.starts_with("branch"));
    let baseline: u64 = trunk.map(Layer::macs).sum();
    let share = rapid_rl.expected_macs() / baseline as f64;
    assert!((share - 0.25).abs() < 0.005, "share {share}");
}

#[test]
fn reach_follows_skips_and_exits() {
    let mut b = Builder::new(1, 1, 1);
    b.fc("a", 1).skip(2, 0.25);
    b.fc("b", 1).fc("c", 1).fc("d", 1).exit(0.5);
    b.fc("e", 1);
    let sub = SubNetwork::new("branching", b.into_layers());
    assert_eq!(sub.reach_probabilities(), [1.0, 0.75, 0.75, 1.0, 0.5]);
    assert_eq!(sub.macs(), 5);
    assert_eq!(sub.expected_macs(), 4.0);
}

#[test]
fn builder_pads_as_asked() {
    let mut b = Builder::new(3, 10, 7);
    b.conv("same", 8, 3, 2, Padding::Same);
    assert_eq!(b.shape(), builder::Shape::new(8, 5, 4));
    b.conv("valid", 8, 3, 1, Padding::Valid);
    assert_eq!(b.shape(), builder::Shape::new(8, 3, 2));
    b.conv("each", 8, 3, 2, Padding::Each(1));
    assert_eq!(b.shape(), builder::Shape::new(8, 2, 1));
    b.pool_rect((2, 1), (2, 1), Padding::Valid).upsample(3, 2);
    assert_eq!(b.shape(), builder::Shape::new(8, 3, 2));
    b.fc("flat", 10);
    assert_eq!(b.into_layers()[3].c, 48);
}

#[test]
fn check_accepts_a_sound_import() {
    let mut network = plain_network(&[3, 2]);
    network.subnetworks[1].shared_prefix = 2;
    network.subnetworks[0].switch_points = vec![1, 2];
    assert_eq!(network.check(), Ok(()));
}

#[test]
fn check_finds_what_is_broken() {
    type Break = fn(&mut Network);
    let cases: [(&str, Break); 13] = [
        ("no sub-networks", |n| n.subnetworks.clear()),
        ("appears twice", |n| n.subnetworks[1].name = "depth3".into()),
        ("no layers", |n| n.subnetworks[1].layers.clear()),
        ("name appears twice", |n| n.subnetworks[0].layers[1].name = "conv0".into()),
        ("dimension is zero", |n| n.subnetworks[0].layers[0].out_x = 0),
        ("too large", |n| n.subnetworks[0].layers[0].stride = u32::MAX),
        ("outside the input", |n| n.subnetworks[0].layers[0].outside = [0, 3]),
        ("groups do not divide", |n| n.subnetworks[0].layers[0].groups = 3),
        ("beyond the end", |n| {
            n.subnetworks[0].layers[1].branch = Branch::Skip { layers: 2, probability: 0.5 };
        }),
        ("outside 0 to 1", |n| n.subnetworks[0].layers[0].branch = Branch::Exit { probability: f64::NAN }),
        ("not ascending", |n| n.subnetworks[0].switch_points = vec![2, 1]),
        ("outside the shared", |n| n.subnetworks[0].switch_points = vec![1]),
        ("layers differ", |n| n.subnetworks[1].shared_prefix = 3),
    ];
    for (expected, damage) in cases {
        let mut network = plain_network(&[3, 2]);
        damage(&mut network);
        let error = network.check().expect_err(expected);
        assert!(error.contains(expected), "{error:?} instead of {expected:?}");
    }
    let swapped = plain_network(&[2, 3]).check().expect_err("wrong order");
    assert!(swapped.contains("heavier than"), "{swapped}");
}
