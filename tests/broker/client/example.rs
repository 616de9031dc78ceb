//! The example does what it says.

use crate::support::Nsqd;

#[path = "../../../examples/orders.rs"]
#[allow(dead_code, reason = "an example has a main")]
mod orders;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_handles_every_order() {
    let nsqd = Nsqd::start();
    super::scripted::within(orders::run(&nsqd.tcp().to_string())).await.unwrap();
    nsqd.expect_channel("orders", "example", &[("depth", 0), ("requeue_count", 10)]);
}
