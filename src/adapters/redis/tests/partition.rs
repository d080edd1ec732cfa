//! What if the network between a gateway and its server goes away, and nobody says so?

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A way to a server that can swallow what goes over it.
struct Way {
    address: SocketAddr,
    swallows: Arc<AtomicBool>,
}

impl Way {
    fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let swallows = Arc::new(AtomicBool::new(false));
        let (shared, port) = (Arc::clone(&swallows), server.port);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let backwards = (far.try_clone().unwrap(), near.try_clone().unwrap());
                for (from, to) in [(near, far), backwards] {
                    let swallows = Arc::clone(&shared);
                    std::thread::spawn(move || carry(from, to, &swallows));
                }
            }
        });
        Self { address, swallows }
    }

    fn cut(&self) {
        self.swallows.store(true, Ordering::SeqCst);
    }

    /// New connections are fine; one that has swallowed something does so for ever.
    fn mend(&self) {
        self.swallows.store(false, Ordering::SeqCst);
    }

    fn form(&self) -> String {
        format!("url = \"redis://{}\"", self.address)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut bytes = [0; 4096];
    let mut is_cut = false;
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        is_cut |= swallows.load(Ordering::SeqCst);
        if !is_cut && to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_leads_nowhere_is_given_up() {
    let server = Server::start();
    let way = Way::to(&server);
    let handle = open(&hasty(&way.form()));
    until("written", || async {
        handle.put(&pairs(&[("a", "1")])).await.is_ok()
    })
    .await;
    way.cut();
    assert_eq!(handle.version().await, Err(FleetError::TimedOut));
    way.mend();
    readable(&handle).await;
    assert_eq!(handle.entries().await, Ok(pairs(&[("a", "1")])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_leads_nowhere_is_given_up() {
    let server = Server::start();
    let way = Way::to(&server);
    let writer = open(&settings(&single(&server)));
    let listener = open(&settings(&way.form()));
    fleet_contract::hints_arrive(&writer, &listener).await;
    // the listener itself asks nothing, so only its subscription can notice
    way.cut();
    writer.put(&pairs(&[("a", "1")])).await.unwrap();
    tokio::time::timeout(Duration::from_millis(300), listener.hinted())
        .await
        .ok();
    way.mend();
    fleet_contract::hints_arrive(&writer, &listener).await;
}
