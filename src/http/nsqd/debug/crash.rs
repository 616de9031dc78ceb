//! `/debug/crash`: actors that panic on request, to try what a node survives.

use actix_web::HttpResponse;

use crate::{
    actors::node::{CrashActor, CrashTarget},
    http::{
        HttpError, Params,
        nsqd::{State, ask, find_channel},
        reply,
    },
};

/// Answers when the actor has been told; it panics a moment later.
pub async fn crash(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    if !api.shared.options.chaos_enabled() {
        return Err(HttpError::ChaosDisabled);
    }
    let target = target(&params)?;
    check_exists(&api, &target).await?;
    match ask(&api.node, || CrashActor(target.clone())).await? {
        true => Ok(reply::empty()),
        // An ephemeral topic has no log, and a nsqlookupd may not be configured.
        false => Err(HttpError::NotFound),
    }
}

fn target(params: &Params) -> Result<CrashTarget, HttpError> {
    let actor = params.get("actor").ok_or(HttpError::MissingArg("ACTOR"))?;
    Ok(match actor {
        "node" => CrashTarget::Node,
        "discovery" => CrashTarget::Discovery,
        "lookup_peer" => {
            let address = params.get("address").ok_or(HttpError::MissingArg("ADDRESS"))?;
            CrashTarget::LookupPeer(address.to_owned())
        }
        "topic" => CrashTarget::Topic(params.topic_arg()?),
        "diskqueue" => CrashTarget::DiskQueue(params.topic_arg()?),
        "channel" => CrashTarget::Channel(params.topic_arg()?, params.channel_arg()?),
        _ => return Err(HttpError::InvalidArg("ACTOR")),
    })
}

async fn check_exists(api: &State, target: &CrashTarget) -> Result<(), HttpError> {
    match target {
        CrashTarget::Node | CrashTarget::Discovery | CrashTarget::LookupPeer(_) => {}
        CrashTarget::Topic(topic) | CrashTarget::DiskQueue(topic) => {
            api.find_topic(topic).await?;
        }
        CrashTarget::Channel(topic, channel) => {
            find_channel(&api.find_topic(topic).await?, channel).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_actor_with_its_place() {
        let target = |query| target(&Params::parse(query).unwrap());
        assert_eq!(target("actor=node"), Ok(CrashTarget::Node));
        assert!(matches!(target("actor=topic&topic=a"), Ok(CrashTarget::Topic(_))));
        assert!(matches!(target("actor=diskqueue&topic=a"), Ok(CrashTarget::DiskQueue(_))));
        let channel = target("actor=channel&topic=a&channel=c");
        assert!(matches!(channel, Ok(CrashTarget::Channel(..))));
        assert_eq!(target(""), Err(HttpError::MissingArg("ACTOR")));
        assert_eq!(target("actor=x"), Err(HttpError::InvalidArg("ACTOR")));
        assert_eq!(target("actor=topic"), Err(HttpError::MissingArg("TOPIC")));
        assert_eq!(target("actor=channel&topic=a"), Err(HttpError::MissingArg("CHANNEL")));
    }
}
