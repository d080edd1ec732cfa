//! Does a cluster do as well as one server?

use super::*;

fn form(nodes: &[Server]) -> String {
    let urls: Vec<_> = nodes.iter().map(Server::url).collect();
    format!("cluster = {urls:?}")
}

/// Which node has the keys.
fn owner(nodes: &[Server]) -> usize {
    let has = |node: &Server| node.command(&["DBSIZE"]) != "0";
    nodes.iter().position(has).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_a_cluster() {
    let nodes = Server::cluster();
    let all = settings(&form(&nodes));
    let some = settings(&form(&nodes[1..2]));
    hold(open(&all), open(&some)).await;
    let keys = |node: &Server| node.command(&["DBSIZE"]);
    let empty = nodes.iter().filter(|node| keys(node) == "0").count();
    assert_eq!(empty, 2, "one node has all keys of a fleet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_the_node_that_has_the_keys_fails_in_time() {
    let mut nodes = Server::cluster();
    let [one, other] = [(); 2].map(|()| open(&hasty(&form(&nodes))));
    until("written", || async {
        one.put(&pairs(&[("a", "1")])).await.is_ok()
    })
    .await;
    let owner = owner(&nodes);
    nodes[owner].stop();
    let begun = crate::clock::monotonic();
    assert_eq!(one.version().await, Err(FleetError::TimedOut));
    assert!(begun.elapsed() < Duration::from_secs(5));
    nodes[owner].go_on();
    readable(&one).await;
    assert_eq!(one.entries().await, Ok(pairs(&[("a", "1")])));
    nodes[owner].kill();
    assert!(other.version().await.is_err());
    nodes[owner].restart(Restart::Empty);
    readable(&one).await;
    readable(&other).await;
    assert_eq!(one.entries().await, Ok(vec![]));
    until("written again", || async {
        one.put(&pairs(&[("a", "2")])).await.is_ok()
    })
    .await;
    fleet_contract::hint_until_heard(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_and_has_no_keys_keeps_nobody_out() {
    let nodes = Server::cluster();
    let one = open(&settings(&form(&nodes)));
    one.put(&pairs(&[("a", "1")])).await.unwrap();
    let stranger = (owner(&nodes) + 1) % nodes.len();
    nodes[stranger].stop();
    let other = open(&settings(&form(&nodes)));
    for handle in [&one, &other] {
        until("the board is read", || async {
            handle.entries().await == Ok(pairs(&[("a", "1")]))
        })
        .await;
    }
    nodes[stranger].go_on();
}
