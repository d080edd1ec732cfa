//! Which form of an answer does a client take?
//!
//! Content negotiation as far as a denial needs it (RFC 9110, 12).

/// Whether HTML is named and wanted more than JSON (RFC 9110, 12.5.1). What takes anything gets
/// JSON: old clients and tools send no `Accept` or `*/*`.
pub(super) fn prefers_html(accept: &str) -> bool {
    let html = weight(accept, &["text/html"]);
    let json = weight(accept, &["application/problem+json", "application/json"])
        .or_else(|| weight(accept, &["application/*"]))
        .or_else(|| weight(accept, &["*/*"]));
    html.unwrap_or(0) > json.unwrap_or(0)
}

/// The media type that a gRPC client reads its status from; `None` for any other client. The suffix
/// of the message format is not repeated: there is no message.
pub(super) fn grpc(content_type: &str) -> Option<&'static str> {
    let kind = content_type.split([';', '+']).next()?.trim();
    [
        "application/grpc",
        "application/grpc-web",
        "application/grpc-web-text",
    ]
    .into_iter()
    .find(|known| kind.eq_ignore_ascii_case(known))
}

/// The elements of a list such as `Accept`, each with its weight in thousandths.
pub(super) fn weighted(list: &str) -> impl Iterator<Item = (&str, u32)> {
    list.split(',').filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        Some((name, parts.find_map(quality).unwrap_or(1_000)))
    })
}

/// The highest weight of these media ranges in thousandths; `None` if none of them is there.
fn weight(accept: &str, ranges: &[&str]) -> Option<u32> {
    let wanted = |range: &str| ranges.iter().any(|one| range.eq_ignore_ascii_case(one));
    weighted(accept)
        .filter(|(range, _)| wanted(range))
        .map(|(_, weight)| weight)
        .max()
}

/// `q=0.8` in thousandths (RFC 9110, 12.4.2); one that can't be read counts as 0.
fn quality(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => Some(1_000),
        "0" if digits => format!("{part:0<3}").parse().ok(),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_client_is_known_by_its_media_type() {
        let table = [
            ("application/grpc", Some("application/grpc")),
            ("application/grpc+proto", Some("application/grpc")),
            ("Application/GRPC; charset=x", Some("application/grpc")),
            ("application/grpc-web+proto", Some("application/grpc-web")),
            (
                "application/grpc-web-text",
                Some("application/grpc-web-text"),
            ),
            ("application/grpcs", None),
            ("application/json", None),
            ("", None),
        ];
        for (content_type, expected) in table {
            assert_eq!(grpc(content_type), expected, "{content_type}");
        }
    }
}
