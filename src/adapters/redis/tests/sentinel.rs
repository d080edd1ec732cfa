//! Is the master followed when Sentinels move it?

use super::*;

/// A master, its replica, and the Sentinel that watches them.
struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    fn start() -> Self {
        let master = Server::start();
        let replica = Server::replica_of(&master);
        let sentinel = Server::sentinel("fleet", &master);
        let words = ["SENTINEL", "REPLICAS", "fleet"];
        let port = replica.port.to_string();
        sentinel.until("the sentinel knows the replica", &port, &words);
        Self {
            master,
            replica,
            sentinel,
        }
    }

    /// Settings that name a Sentinel that is away before the one that answers.
    fn form(&self) -> String {
        let away = "redis://127.0.0.1:1";
        format!(
            "sentinel = {{ master = \"fleet\", nodes = [\"{away}\", \"{}\"] }}",
            self.sentinel.url()
        )
    }

    fn fail_over(&self) {
        let words = ["SENTINEL", "FAILOVER", "fleet"];
        self.sentinel.until("a failover begins", "OK", &words);
    }

    fn until_master(&self, server: &Server) {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "fleet"];
        let port = server.port.to_string();
        self.sentinel.until("another master", &port, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_sentinel() {
    let watched = Watched::start();
    let settings = settings(&watched.form());
    hold(open(&settings), open(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_died_is_replaced_and_what_it_alone_had_is_gone() {
    let mut watched = Watched::start();
    let [one, other] = [(); 2].map(|()| open(&settings(&watched.form())));
    one.put(&pairs(&[("kept", "1")])).await.unwrap();
    let words = ["EXISTS", "{vingate:vingate}:board"];
    watched.replica.until("it has the first write", "1", &words);
    // the replica is cut off: what is written now is acknowledged, and lost
    watched.replica.stop();
    let cut = ["CLIENT", "KILL", "TYPE", "replica"];
    assert_eq!(watched.master.command(&cut), "1");
    one.put(&pairs(&[("kept", "2"), ("lost", "1")]))
        .await
        .unwrap();
    let acknowledged = other.version().await.unwrap();
    watched.master.kill();
    watched.replica.go_on();
    watched.until_master(&watched.replica);
    until("the new master is read", || async {
        one.entries().await.is_ok() && other.entries().await.is_ok()
    })
    .await;
    assert_eq!(
        board(&one).await,
        pairs(&[("kept", "1")]).into_iter().collect()
    );
    assert_ne!(other.version().await.unwrap(), acknowledged, "so all read");
    until("the new master takes writes", || async {
        one.put(&pairs(&[("new", "1")])).await.is_ok()
    })
    .await;
    assert_eq!(board(&other).await.len(), 2);
    assert_ne!(other.version().await.unwrap(), acknowledged);
    fleet_contract::hints_arrive(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_lives_on_as_a_replica_is_left() {
    let watched = Watched::start();
    let [one, other] = [(); 2].map(|()| open(&settings(&watched.form())));
    one.put(&pairs(&[("a", "1")])).await.unwrap();
    other.version().await.unwrap();
    watched.fail_over();
    watched.until_master(&watched.replica);
    until("written at the new master", || async {
        one.put(&pairs(&[("a", "2")])).await.is_ok()
    })
    .await;
    until("read at the new master", || async {
        board(&other).await.get("a").is_some_and(|text| text == "2")
    })
    .await;
    fleet_contract::hints_arrive(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_master_is_left_without_any_error_of_its_own() {
    let watched = Watched::start();
    let handle = open(&settings(&watched.form()));
    handle.put(&pairs(&[("a", "1")])).await.unwrap();
    // another server is named, and the old one still answers as a master
    let stranger = Server::start();
    let port = stranger.port.to_string();
    watched.sentinel.command(&["SENTINEL", "REMOVE", "fleet"]);
    let monitor = ["SENTINEL", "MONITOR", "fleet", "127.0.0.1", &port, "1"];
    assert_eq!(watched.sentinel.command(&monitor), "OK");
    until("the new master is asked", || async {
        handle.entries().await == Ok(vec![])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_named_and_is_no_master_is_not_believed() {
    let master = Server::start();
    let replica = Server::replica_of(&master);
    let sentinel = Server::sentinel("fleet", &replica);
    let form = format!(
        "sentinel = {{ master = \"fleet\", nodes = [\"{}\"] }}",
        sentinel.url()
    );
    let handle = open(&settings(&form));
    assert_eq!(handle.entries().await, Err(FleetError::Unreachable));
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    readable(&handle).await;
    assert_eq!(handle.entries().await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sentinel_that_knows_it_is_unreachable() {
    let watched = Watched::start();
    let unknown = watched.form().replace("\"fleet\"", "\"other\"");
    let handle = open(&settings(&unknown));
    assert_eq!(handle.version().await, Err(FleetError::Unreachable));
}
