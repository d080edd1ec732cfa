//! How is one replica cut off from Redis?

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// A way to a server that can be cut.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
    port: Arc<AtomicU16>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let port = Arc::new(AtomicU16::new(port));
        let (is_cut, all) = (Arc::clone(&cut), Arc::clone(&open));
        let server_port = Arc::clone(&port);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::Acquire) {
                    continue; // closed at once
                }
                let port = server_port.load(Ordering::Acquire);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let mut all = all.lock().unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    all.push(from.try_clone().unwrap());
                    pass(from.try_clone().unwrap(), to.try_clone().unwrap());
                }
            }
        });
        Self {
            address,
            cut,
            port,
            open,
        }
    }

    /// Nothing passes any more.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        for stream in self.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok(); // it may have ended by itself
        }
    }

    /// It leads to another server from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        self.port.store(port, Ordering::Release);
        self.cut();
        self.mend();
    }

    /// It passes again.
    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::Release);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut some = [0; 16_384];
        while let Ok(count @ 1..) = from.read(&mut some) {
            if to.write_all(&some[..count]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok(); // the other way may have ended first
    });
}
