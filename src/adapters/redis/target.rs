//! Which server answers for the fleet now?
//!
//! One server always; the master that most Sentinels name, if it says so too; or a cluster, which
//! sorts that out itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsCertificates, Value, cmd,
};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::flaw;
use super::shards::Shard;
use crate::config::file::{Redis, Sentinel};
use crate::switchboard::fleet::FleetError;

/// Time for one server to be connected to: a lost SYN is sent again after 1 s.
const CONNECT: Duration = Duration::from_millis(1_500);

/// Time for one node of a cluster, so that one that hangs leaves time to reach the others.
const NODE: Duration = Duration::from_millis(500);

/// Longer than any call waits, which has its own time: a whole board may be on its way.
const BOARD: Duration = Duration::from_secs(60);

/// Largest password file that is read.
const PASSWORD_BYTES: usize = 4_096;

/// The servers as configured.
pub(super) enum Target {
    One(Client),
    Sentinel {
        master: String,
        sentinels: Vec<Client>,
        access: Access,
    },
    Cluster {
        cluster: Box<ClusterClient>,
        nodes: Vec<Client>,
    },
}

/// What every server is shown, and whom it must have been signed by.
#[derive(Clone)]
pub(super) struct Access {
    settings: RedisConnectionInfo,
    authorities: Option<TlsCertificates>,
}

/// A connection to who answers for the fleet.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

/// A connection, and where hints can be heard.
#[derive(Clone)]
pub(super) struct Reached {
    pub(super) connection: Connection,
    /// Any one of them: a cluster's nodes tell each other.
    pub(super) hints: Vec<Client>,
    /// The master's address, where Sentinels named it.
    named: Option<(String, u16)>,
}

impl Target {
    /// Reads what the configuration names.
    pub(super) fn new(settings: &Redis) -> Result<Self, String> {
        let access = Access::read(settings)?;
        if let Some(sentinel) = &settings.sentinel {
            return Self::sentinel(sentinel, access);
        }
        if let Some(nodes) = &settings.cluster {
            let infos = nodes.iter().map(|url| access.info(url));
            let infos: Vec<_> = infos.collect::<Result<_, _>>()?;
            let mut builder = ClusterClient::builder(infos)
                .connection_timeout(NODE)
                .response_timeout(BOARD)
                .retries(3); // a call has no time for more
            if let Some(authorities) = &access.authorities {
                builder = builder.certs(authorities.clone());
            }
            return Ok(Self::Cluster {
                cluster: Box::new(builder.build().map_err(|error| unusable(&error))?),
                nodes: access.clients(nodes)?,
            });
        }
        match &settings.url {
            Some(url) => Ok(Self::One(access.client(url)?)),
            None => Err("`redis` names no server".to_owned()),
        }
    }

    fn sentinel(settings: &Sentinel, access: Access) -> Result<Self, String> {
        let mut theirs = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(file) = &settings.password_file {
            theirs = theirs.set_password(read_password(file)?.as_str());
        }
        let sentinels = Access {
            settings: theirs,
            authorities: access.authorities.clone(),
        };
        Ok(Self::Sentinel {
            master: settings.master.clone(),
            sentinels: sentinels.clients(&settings.nodes)?,
            access,
        })
    }

    /// Connects to who answers for the fleet, and hears it say so. Takes a few [`CONNECT`] at most.
    pub(super) async fn connect(&self) -> Result<Reached, FleetError> {
        match self {
            Self::One(client) => {
                let mut connection = connect(client).await?;
                ask::<Value>(&mut connection, &cmd("PING")).await?;
                Ok(Reached::one(client.clone(), connection, None))
            }
            Self::Sentinel { master, access, .. } => {
                let (host, port) = self.named().await?.ok_or(FleetError::Unreachable)?;
                tracing::debug!(master, host, port, "the Sentinels name a master");
                let client = access.client_at(&host, port)?;
                let mut connection = connect(&client).await?;
                let role: Vec<Value> = ask(&mut connection, &cmd("ROLE")).await?;
                if role.first() != Some(&Value::BulkString(b"master".to_vec())) {
                    return Err(FleetError::Unreachable); // a failover is under way
                }
                Ok(Reached::one(client, connection, Some((host, port))))
            }
            Self::Cluster { cluster, nodes } => {
                let connection = within(cluster.get_async_connection()).await?;
                Ok(Reached {
                    connection: Connection::Cluster(Box::new(connection)),
                    hints: nodes.clone(),
                    named: None,
                })
            }
        }
    }

    /// Whether the Sentinels now name another master than the one that was reached.
    pub(super) async fn is_elsewhere(&self, reached: &Reached) -> bool {
        match self.named().await {
            Ok(Some(named)) => reached.named.as_ref() != Some(&named),
            Ok(None) | Err(_) => false,
        }
    }

    /// Whether the master can move without its connection breaking.
    pub(super) fn can_move(&self) -> bool {
        matches!(self, Self::Sentinel { .. })
    }

    /// The master's address: the first that more than half of the Sentinels name, else the one that
    /// most of those name that answer; of two with as many votes always the same one.
    async fn named(&self) -> Result<Option<(String, u16)>, FleetError> {
        let Self::Sentinel {
            master, sentinels, ..
        } = self
        else {
            return Ok(None);
        };
        let mut asked: FuturesUnordered<_> = sentinels
            .iter()
            .map(|sentinel| master_of(sentinel, master))
            .collect();
        let mut votes: BTreeMap<(String, u16), usize> = BTreeMap::new();
        let mut flaw = FleetError::Unreachable;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(Some(address)) => {
                    let vote = votes.entry(address.clone()).or_default();
                    *vote = vote.saturating_add(1);
                    if vote.saturating_mul(2) > sentinels.len() {
                        return Ok(Some(address));
                    }
                }
                Ok(None) => {} // it watches no such master
                Err(error) => flaw = error,
            }
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(address, _)| Some(address)).ok_or(flaw)
    }
}

impl Reached {
    fn one(
        client: Client,
        connection: MultiplexedConnection,
        named: Option<(String, u16)>,
    ) -> Self {
        Self {
            connection: Connection::One(connection),
            hints: vec![client],
            named,
        }
    }

    /// Listens to a channel where that is possible.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<PubSub, FleetError> {
        let mut flaw = FleetError::Unreachable;
        for client in &self.hints {
            let subscribing = async {
                let mut hints = client.get_async_pubsub().await?;
                hints.subscribe(channel).await?;
                Ok(hints)
            };
            match within(subscribing).await {
                Ok(hints) => return Ok(hints),
                Err(error) => flaw = error,
            }
        }
        Err(flaw)
    }
}

impl Connection {
    /// One command, one answer. Takes as long as it takes: who calls bounds it.
    pub(super) async fn ask<T: FromRedisValue>(
        &mut self,
        shard: &Shard,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        match (self, shard) {
            (Self::One(connection), _) => command.query_async(connection).await,
            (Self::Cluster(connection), Shard(None)) => {
                command.query_async(connection.as_mut()).await
            }
            (Self::Cluster(connection), Shard(Some((host, port)))) => {
                // by its address: by one of its slots another node may be asked while it is away
                let (host, port) = (host.clone(), *port);
                let to = SingleNodeRoutingInfo::ByAddress { host, port };
                let to = RoutingInfo::SingleNode(to);
                let answer = connection.route_command(command.clone(), to).await?;
                Ok(redis::from_redis_value(answer)?)
            }
        }
    }
}

impl Access {
    fn read(settings: &Redis) -> Result<Self, String> {
        let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(username) = &settings.username {
            info = info.set_username(username);
        }
        if let Some(file) = &settings.password_file {
            info = info.set_password(read_password(file)?.as_str());
        }
        let authorities = settings.ca_file.as_deref().map(read_authorities);
        Ok(Self {
            settings: info,
            authorities: authorities.transpose()?,
        })
    }

    fn clients(&self, urls: &[String]) -> Result<Vec<Client>, String> {
        urls.iter().map(|url| self.client(url)).collect()
    }

    fn client(&self, url: &str) -> Result<Client, String> {
        let info = self.info(url)?;
        let client = match &self.authorities {
            Some(authorities) => Client::build_with_tls(info, authorities.clone()),
            None => Client::open(info),
        };
        client.map_err(|error| unusable(&error))
    }

    /// A server that Sentinels name.
    fn client_at(&self, host: &str, port: u16) -> Result<Client, FleetError> {
        let scheme = match self.authorities {
            Some(_) => "rediss",
            None => "redis",
        };
        let bracketed = if host.contains(':') {
            format!("[{host}]") // IPv6
        } else {
            host.to_owned()
        };
        self.client(&format!("{scheme}://{bracketed}:{port}"))
            .map_err(|_| FleetError::Malformed)
    }

    fn info(&self, url: &str) -> Result<ConnectionInfo, String> {
        let info = url
            .into_connection_info()
            .map_err(|error| unusable(&error))?;
        Ok(info.set_redis_settings(self.settings.clone()))
    }
}

fn unusable(error: &RedisError) -> String {
    format!("`redis` can't be used: {error}")
}

/// The first line of a file: editors end it with one.
fn read_password(file: &Path) -> Result<Zeroizing<String>, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|error| format!("can't read `{name}`: {error}"))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.len() > PASSWORD_BYTES || line.contains(['\r', '\n']) {
        return Err(format!("`{name}` wants one line with a password"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn read_authorities(file: &Path) -> Result<TlsCertificates, String> {
    let name = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("can't read `{name}`: {error}"))?;
    // without a certificate in it, nobody would be believed: told now, not at the first connection
    if !pem.windows(5).any(|window| window == b"-----") {
        return Err(format!("`{name}`: no certificate"));
    }
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    })
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, FleetError> {
    let unbounded = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    within(client.get_multiplexed_async_connection_with_config(&unbounded)).await
}

async fn master_of(sentinel: &Client, master: &str) -> Result<Option<(String, u16)>, FleetError> {
    let mut connection = connect(sentinel).await?;
    let mut command = cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    ask(&mut connection, &command).await
}

async fn ask<T: FromRedisValue>(
    connection: &mut impl ConnectionLike,
    command: &Cmd,
) -> Result<T, FleetError> {
    within(command.query_async(connection)).await
}

/// One step of connecting, in its time.
async fn within<T>(step: impl Future<Output = Result<T, RedisError>>) -> Result<T, FleetError> {
    match timeout(CONNECT, step).await {
        Ok(done) => done.map_err(|error| flaw::of(&error)),
        Err(_) => Err(FleetError::TimedOut),
    }
}
