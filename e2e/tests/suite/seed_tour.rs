//! The integration guide's own examples, as they stand there.

use bellhop_e2e::Hotel;
use bellhop_e2e::outside::{project, run};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_guide_works_as_it_stands() {
    if run(Command::new("node").arg("--version")).await.is_err() {
        println!("left out, Node is missing");
        return;
    }
    let hotel = Hotel::open().await;
    // The second time its template is there already.
    for _ in 0..2 {
        let mut tour = Command::new("node");
        tour.arg(project().join("examples/seed_tour/tour.mjs")).arg(hotel.data_dir().join("standalone.json"));
        println!("{}", run(&mut tour).await.unwrap_or_else(|said| panic!("{said}")));
    }
    hotel.close().await;
}
