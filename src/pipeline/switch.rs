//! Is it open?
//!
//! Asked three times: the entrance before any look-up, the vehicle only after an allow (a stranger
//! learns nothing), and everything once more at the newest board just before forwarding.

use std::sync::Arc;
use std::time::Duration;

use crate::denial::{ClosedBy, Denial};
use crate::pipeline::Principal;
use crate::pipeline::route::Route;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::{Board, Closure, Place};

/// Refuses a closed surface, route or upstream, and a route that its file keeps off.
pub fn check_entrance(board: &Board, route: &Route) -> Result<(), Denial> {
    if let Some(reason) = &route.off {
        return Err(Denial::Closed(ClosedBy {
            closure: Arc::from("route-off"),
            message: Some(Arc::clone(reason)),
            retry_after: route.surface.retry_after,
        }));
    }
    check(board, entrance(route))
}

/// Refuses a closed vehicle.
pub fn check_vehicle(
    board: &Board,
    route: &Route,
    principal: Option<&Principal>,
    vin: &Vin,
) -> Result<(), Denial> {
    let place = match principal {
        Some(principal) => standing(route, principal),
        None => entrance(route),
    };
    check(
        board,
        Place {
            vehicle: Some(vin.as_str()),
            ..place
        },
    )
}

/// What is known of a request before anybody is asked anything.
fn entrance(route: &Route) -> Place<'_> {
    Place {
        surface: &route.surface.name,
        route: &route.id,
        upstream: &route.upstream,
        ..Place::default()
    }
}

/// What is known once it is clear who asks.
pub(super) fn standing<'a>(route: &'a Route, principal: &'a Principal) -> Place<'a> {
    Place {
        client: principal.client.as_deref(),
        subject: Some((&principal.issuer, &principal.subject)),
        ..entrance(route)
    }
}

/// Refuses a place that a closure covers.
pub(super) fn check(board: &Board, place: Place<'_>) -> Result<(), Denial> {
    match board.find(place) {
        Some(closure) => Err(closed(closure)),
        None => Ok(()),
    }
}

fn closed(closure: &Closure) -> Denial {
    Denial::Closed(ClosedBy {
        closure: Arc::from(closure.id.as_str()),
        message: closure.message.as_deref().map(Arc::from),
        retry_after: Duration::from_secs(closure.retry_after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::{DenialFormat, PrincipalKind};
    use crate::config::route::{ActionSource, BodyNeed};
    use crate::pipeline::route::Surface;
    use crate::switchboard::Scope;

    fn route(off: Option<&str>) -> Route {
        Route {
            id: Arc::from("mobile.climate"),
            surface: Arc::new(Surface {
                name: Arc::from("mobile"),
                hosts: Vec::new(),
                issuers: Vec::new(),
                denial_format: DenialFormat::Problem,
                protected: false,
                retry_after: Duration::from_secs(45),
            }),
            methods: vec![http::Method::POST],
            path: Arc::from("/climate"),
            where_: std::collections::BTreeMap::new(),
            action: ActionSource::Fixed("StartClimate".to_owned()),
            vehicle: None,
            identity_required: true,
            off: off.map(Arc::from),
            upstream: Arc::from("telematics"),
            quotas: Vec::new(),
            body: BodyNeed::Auto,
        }
    }

    fn principal() -> Principal {
        Principal {
            kind: PrincipalKind::User,
            issuer: Arc::from("owners"),
            subject: "sub-1".to_owned(),
            client: Some("app".to_owned()),
            scopes: Vec::new(),
            fleet: None,
            token_id: None,
            expires_at: Duration::from_secs(1),
            pseudonym: "p".to_owned(),
        }
    }

    fn board(scope: &str) -> Board {
        let scope: Scope = serde_json::from_str(scope).unwrap();
        Board::default().with(Closure {
            id: "c-1".to_owned(),
            scope,
            reason: "private".to_owned(),
            message: Some("back soon".to_owned()),
            closed_by: "root".to_owned(),
            closed_at: 1,
            retry_after: 75,
        })
    }

    fn closed_for(closure: &str, message: &str, seconds: u64) -> Result<(), Denial> {
        Err(Denial::Closed(ClosedBy {
            closure: Arc::from(closure),
            message: Some(Arc::from(message)),
            retry_after: Duration::from_secs(seconds),
        }))
    }

    #[test]
    fn a_route_that_its_file_keeps_off_says_why() {
        let refused = check_entrance(&Board::default(), &route(Some("needs GraphQL")));
        assert_eq!(refused, closed_for("route-off", "needs GraphQL", 45));
        assert_eq!(check_entrance(&Board::default(), &route(None)), Ok(()));
    }

    #[test]
    fn each_scope_is_refused_at_its_own_stage() {
        let closed = || closed_for("c-1", "back soon", 75);
        let table = [
            (r#"{"surfaces":["mobile"]}"#, closed(), closed()),
            (r#"{"routes":["mobile.climate"]}"#, closed(), closed()),
            (r#"{"upstreams":["telematics"]}"#, closed(), closed()),
            (r#"{"clients":["app"]}"#, Ok(()), closed()),
            (r#"{"subjects":["owners/sub-1"]}"#, Ok(()), closed()),
            (r#"{"surfaces":["portal"]}"#, Ok(()), Ok(())),
            (r#"{"vehicles":["SJNFAAZE0U6012345"]}"#, Ok(()), Ok(())),
        ];
        for (scope, at_the_entrance, at_standing) in table {
            let (board, route) = (board(scope), route(None));
            assert_eq!(check_entrance(&board, &route), at_the_entrance, "{scope}");
            let stood = crate::pipeline::standing::check(&board, &route, &principal());
            assert_eq!(stood, at_standing, "{scope}");
        }
    }

    #[test]
    fn a_closed_vehicle_is_refused_whoever_asks() {
        let (route, principal) = (route(None), principal());
        let vin = Vin::read("SJNFAAZE0U6012345").unwrap();
        let other = Vin::read("SJNFAAZE0U6012346").unwrap();
        let board = board(r#"{"vehicles":["SJNFAAZE0U6012345"]}"#);
        let closed = closed_for("c-1", "back soon", 75);
        assert_eq!(
            check_vehicle(&board, &route, Some(&principal), &vin),
            closed
        );
        assert_eq!(check_vehicle(&board, &route, None, &vin), closed);
        assert_eq!(check_vehicle(&board, &route, None, &other), Ok(()));
    }
}
