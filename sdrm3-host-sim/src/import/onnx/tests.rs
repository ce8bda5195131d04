use super::*;
#[test]
fn x() {
    for f in ["shufflenet"] {
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
        for l in n.network.subnetworks[0].layers.iter().take(60) {
            eprintln!(
                "{} k{} c{} {}x{} r{} g{} {}",
                l.name,
                l.k,
                l.c,
                l.out_y,
                l.out_x,
                l.r,
                l.groups,
                l.macs()
            )
        }
    }
}
