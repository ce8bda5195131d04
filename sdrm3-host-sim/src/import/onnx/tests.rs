use super::*;
#[test]
fn x() {
    for f in ["bvlc_alexnet", "squeezenet", "inception_v1", "shufflenet", "resnet50"] {
        let b = std::fs::read(format!("/work/shared/data/models/onnx/light_{f}.onnx")).unwrap();
        let n = network(f, f, &b).unwrap();
        eprintln!(
            "{f} {} {} {} {} {} {:#?}",
            n.network.subnetworks[0].layers.len(),
            n.network.subnetworks[0].macs(),
            n.network.subnetworks[0].params(),
            n.weight_bytes,
            n.activation_bytes,
            n.notes
        );
        for l in n.network.subnetworks[0].layers.iter().take(2) {
            eprintln!("{} {:?} {} {}", l.name, l.op, l.macs(), l.stride)
        }
    }
}
