use super::*;
#[test]
fn x() {
    for f in ["face_detection_front", "face_landmark", "iris_landmark", "embedding_model", "micro_okay_nabu"]
    {
        let b = std::fs::read(format!("/work/shared/data/models/tflite/{f}.tflite")).unwrap();
        let n = network(f, f, &b).unwrap();
        eprintln!(
            "{f} {} {} {} {} {:#?}",
            n.network.subnetworks[0].layers.len(),
            n.network.subnetworks[0].macs(),
            n.weight_bytes,
            n.activation_bytes,
            n.notes
        );
        for l in n.network.subnetworks[0].layers.iter().take(2) {
            eprintln!("{} {:?} {} {}", l.name, l.op, l.macs(), l.stride)
        }
    }
}
