//! Following the figures of screening.

use chassis::{Fault, parse};
use futures::StreamExt as _;
use jurisdiction::follow::{self, Broken, Event, Events, Source};
use prost::Message as _;
use proto::screening::{
    FigureSheet, WatchFiguresRequest, WatchFiguresResponse, figure_service_client::FigureServiceClient,
    watch_figures_response::Event as Of,
};
use sqlx::PgConnection;
use tonic::async_trait;
use uuid::Uuid;

use super::store::{self, Sheet};
use crate::forms::parse::UNITS;

/// By which name it is known how far screening's figures were followed.
pub const TOPIC: &str = "screening/figure";

/// The figures of screening, as a feed.
#[derive(Debug)]
pub struct Figures;

#[async_trait]
impl follow::Feed for Figures {
    fn topic(&self) -> &'static str {
        TOPIC
    }

    async fn open(&self, source: &Source, start_token: String) -> Result<Events, Broken> {
        let request = source.request(WatchFiguresRequest { start_token })?;
        let mut client = FigureServiceClient::new(source.channel()?);
        let stream = client.watch_figures(request).await?.into_inner();
        Ok(Box::pin(stream.map(|message| event(message?))))
    }

    async fn keep(
        &self,
        connection: &mut PgConnection,
        serial: i64,
        resources: &[(Uuid, Vec<u8>)],
    ) -> Result<(), Fault> {
        let sheets = resources.iter().map(|(_, body)| sheet(body)).collect::<Result<Vec<_>, _>>()?;
        store::keep(connection, serial, &sheets).await
    }

    async fn forget_before(
        &self,
        connection: &mut PgConnection,
        before: i64,
        _serial: i64,
    ) -> Result<(), Fault> {
        store::forget_before(connection, before).await
    }
}

fn event(message: WatchFiguresResponse) -> Result<(Event, String), Broken> {
    let event = match message.event {
        Some(Of::Sheet(sheet)) => {
            Event::Resource(follow::key("figureSheets", &sheet.name)?, sheet.encode_to_vec())
        }
        Some(Of::SnapshotEnd(_)) => Event::SnapshotEnd,
        Some(Of::Heartbeat(_)) | None => Event::Heartbeat,
    };
    Ok((event, message.token))
}

/// A sheet as it was received. Indicators that this version does not know are kept all the same.
fn sheet(body: &[u8]) -> Result<Sheet, Fault> {
    let sheet = FigureSheet::decode(body).map_err(Fault::internal)?;
    let mut changes = Vec::new();
    for figure in sheet.figures {
        let at = usize::try_from(figure.indicator).ok().filter(|number| (1..1_000).contains(number));
        let at = at.ok_or_else(|| Fault::internal("a figure without an indicator"))?;
        changes.resize(changes.len().max(at), 0);
        changes[at - 1] = figure.difference;
    }
    Ok(Sheet {
        unit: parse::name(UNITS, &sheet.unit).map_err(Fault::internal)?,
        date: parse::date(&sheet.business_date).map_err(Fault::internal)?,
        changes,
    })
}
