//! Which header fields could tell an upstream who asks, from where, or for what else?
//!
//! Servers read names in many spellings: CGI makes `X-User`, `X_User` and `x.user` one variable. So
//! names are folded before they are compared, and whole families are listed by their beginning.

/// Beginnings of names after `x-`.
#[rustfmt::skip] // a table, many to a line
const AFTER_X: &[&str] = &[
    // who asks
    "access-token", "account", "act-as", "actor", "admin", "auth", "caller", "claim", "consumer",
    "credential", "customer", "dealer", "driver", "email", "employee", "entitlement", "fleet",
    "gateway",
    "grant", "group", "id-token", "identity", "impersonat", "internal", "jwt", "login", "mail",
    "member", "oauth", "oidc", "on-behalf", "org-id", "organi", "owner", "permission", "person",
    "principal", "proxyuser", "role", "saml", "scope", "session-user", "spiffe", "sso", "subject",
    "tenant", "token", "trusted", "user", "verified", "vingate", "webauth", "whoami",
    // a subscriber, of mobile networks
    "nokia", "up-calling", "up-subno", "wap-msisdn", "wap-network-client",
    // the same, of well-known gateways
    "amz-security", "amzn-mtls", "amzn-oidc", "amzn-request-context", "appengine", "arr-",
    "azure-", "envoy", "goog-authenticated", "goog-iap", "kong", "ms-client-principal", "ms-token",
    "serverless-authorization",
    // the client's certificate
    "cert", "client-cert", "client-cn", "client-dn", "client-fingerprint", "client-hash",
    "client-i-dn", "client-id", "client-issuer", "client-s-dn", "client-san", "client-serial",
    "client-sha", "client-subject", "client-thumbprint", "client-tls", "client-uri", "client-user",
    "client-verif", "mtls", "peer-cert", "ssl", "tls",
    // the client's address
    "client-ip", "cluster-client", "coming-from", "custom-ip", "forward", "originating", "real-ip",
    "remote",
    // another method, host or path
    "http-", "invoke", "method", "original", "override", "rewrite",
    // what servers believe of the proxy before them: Rack::Sendfile, the Next.js middleware
    "accel", "middleware", "sendfile",
];

/// Beginnings of other names.
#[rustfmt::skip] // a table, many to a line
const BEGINNINGS: &[&str] = &[
    "auth-", "authenticated", "cdn-src-ip", "cf-access", "cf-connecting", "cf-pseudo",
    "cf-visitor", "client-cert", "client-ip", "ct-remote", "fastly-client", "forwarded",
    "front-end-", "http-", "impersonat", "incap-client", "iv-", "mellon-", "msisdn", "oam-", "oidc-", "osso-",
    "proxy", "remote-", "shib", "sm-", "ssl-", "sso-", "tls-client", "true-client", "user-id",
    "user-name", "vingate", "webauth", "wl-proxy",
];

/// Whole names, after `x-` or without it.
#[rustfmt::skip] // a table, many to a line
const WHOLE: &[&str] = &[
    "access-token", "authorization", "base-url", "dn", "dpop", "eppn", "host", "id-token", "identity", "jwt",
    "logged-in-user", "path", "path-info", "prefix", "principal", "proto", "request-id",
    "request-uri", "route", "scheme", "script-name", "smuser", "sub", "sudo", "token", "uid",
    "uri", "url", "url-scheme", "user", "user-email", "userid", "username",
];

/// Folds a name: lower case, and any run of other characters than letters and digits becomes one
/// `-`, none at the ends.
pub fn fold(name: &str, into: &mut String) {
    into.clear();
    for word in name.split(|character: char| !character.is_ascii_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        if !into.is_empty() {
            into.push('-');
        }
        into.extend(word.chars().map(|character| character.to_ascii_lowercase()));
    }
}

/// Whether a folded name could carry an identity, an address, or another route or method.
pub fn is_carrier(folded: &str) -> bool {
    let begins = |beginnings: &[&str], name: &str| {
        beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    match folded.strip_prefix("x-") {
        Some(rest) => begins(AFTER_X, rest) || begins(BEGINNINGS, rest) || WHOLE.contains(&rest),
        // The canonical request has its own `Host`, set from what was judged.
        None => folded != "host" && (begins(BEGINNINGS, folded) || WHOLE.contains(&folded)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carries(name: &str) -> bool {
        let mut folded = String::new();
        fold(name, &mut folded);
        is_carrier(&folded)
    }

    #[test]
    fn every_spelling_is_found() {
        let spellings = [
            "x-user",
            "X-User",
            "X-USER",
            "X_User",
            "x_user",
            "x.user",
            "x~user",
            "X-_User",
            "x--user",
            "_x_user",
            "x-user-",
            "X-User-Id",
            "X_User.Name",
            "xuser",
        ];
        for name in spellings {
            assert_eq!(carries(name), name != "xuser", "{name}");
        }
    }

    #[test]
    fn known_carriers_are_found() {
        let carriers = "
            authorization dpop DPoP x-dpop proxy-authorization x-authorization proxy proxy-client-ip forwarded
            forwarded-for x-forwarded x-forwarded-for x-forwarded-host x-forwarded-proto
            x-forwarded-port x-forwarded-prefix x-forwarded-server x-forwarded-user
            x-forwarded-email x-forwarded-groups x-forwarded-access-token x-forward-for
            x-forwarded-client-cert x-real-ip x-client-ip client-ip true-client-ip
            x-true-client-ip cf-connecting-ip cf-connecting-ipv6 cf-access-jwt-assertion
            cf-visitor fastly-client-ip x-cluster-client-ip x-originating-ip x-remote-ip
            x-remote-addr x-remote-user remote-user remote-groups remote-addr x-original-url
            x-original-method x-original-uri x-original-host x-original-forwarded-for
            x-rewrite-url x-http-method x-http-method-override x-method x-method-override
            x-http-host-override x-host x-scheme x-proto x-url-scheme x-path x-uri x-url
            x-request-uri base-url x-base-url front-end-https x-front-end-https x-arr-ssl
            x-arr-clientcert x-arr-log-id x-azure-clientip vingate-assertion x-vingate-principal
            x-auth x-auth-request-user x-auth-token x-authenticated-user x-ssl-client-cert
            ssl-client-verify ssl-client-s-dn x-client-cert x-client-certificate client-cert
            x-client-fingerprint x-client-san x-client-sha1 x-ssl-client-cert-chain
            client-cert-chain x-tls-client-dn x-amzn-oidc-data x-amzn-oidc-identity
            x-amzn-mtls-clientcert x-goog-authenticated-user-email x-goog-iap-jwt-assertion
            x-ms-client-principal-id x-ms-token-aad-id-token x-envoy-original-path
            x-envoy-external-address x-consumer-id x-consumer-username x-credential-identifier
            x-subject x-sub x-principal x-role x-roles x-group x-groups x-email x-account-id
            x-owner x-owner-id x-tenant x-identity x-jwt x-jwt-payload x-id-token x-access-token
            x-token x-request-id sm-user SM_USER smuser iv-user iv-groups oidc-claim-sub
            OIDC_CLAIM_sub shib-session-id mellon-name-id wl-proxy-client-ip impersonate-user
            sudo x-sendfile-type x-accel-mapping x-middleware-subrequest x-msisdn msisdn
            x-up-calling-line-id x-wap-network-client-msisdn x-custom-ip-authorization x-dn
            x-invoke-path x-kong-consumer x-verified-user x-username x-userinfo x-scopes x-fleet-id x-driver-id x-dealer-id user username
            user-id auth-user x-spiffe-id x-appengine-user-id x-impersonate-user";
        for name in carriers.split_whitespace() {
            assert!(carries(name), "{name}");
        }
    }

    #[test]
    fn harmless_fields_stay() {
        let harmless = "
            accept accept-language accept-charset accept-encoding content-type content-length
            content-encoding content-disposition cookie host user-agent referer origin range
            if-match if-none-match if-modified-since if-unmodified-since if-range
            cache-control pragma date expect te via upgrade connection x-requested-with
            x-csrf-token x-xsrf-token x-vin vin sec-fetch-site sec-fetch-mode sec-ch-ua dnt
            traceparent tracestate baggage x-correlation-id x-client-version x-app-version
            x-device-id x-platform x-api-key apikey x-locale x-timezone prefer priority
            idempotency-key x-amzn-trace-id x-b3-traceid save-data upgrade-insecure-requests
            last-event-id soapaction grpc-timeout x-wap-profile x-unity-version";
        for name in harmless.split_whitespace() {
            assert!(!carries(name), "{name}");
        }
    }
}
