//! The directory speaks here. What it says is public to every officer: no scope is asked.

use std::{collections::HashMap, sync::Arc};

use chassis::{Fault, Violations, pages, parse, server};
use proto::medical::{self as pb, directory_service_server::DirectoryService};
use sqlx::PgConnection;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Found, ops, parse as contract, watch};
use crate::{
    DOMAIN,
    facilities::{self, Role, parse::facility_name, store::Wanted},
    house::{House, unit_name},
};

/// The handlers of [`DirectoryService`].
#[derive(Clone, Debug)]
pub struct Directory {
    /// What all handlers share.
    pub house: Arc<House>,
}

#[async_trait]
impl DirectoryService for Directory {
    async fn list_directory(
        &self,
        request: Request<pb::ListDirectoryRequest>,
    ) -> Result<Response<pb::ListDirectoryResponse>, Status> {
        server::reply(DOMAIN, self.list(request).await)
    }

    async fn find_facilities(
        &self,
        request: Request<pb::FindFacilitiesRequest>,
    ) -> Result<Response<pb::FindFacilitiesResponse>, Status> {
        server::reply(DOMAIN, self.find(request).await)
    }

    type WatchDirectoryStream = ReceiverStream<Result<pb::WatchDirectoryResponse, Status>>;

    async fn watch_directory(
        &self,
        request: Request<pb::WatchDirectoryRequest>,
    ) -> Result<Response<Self::WatchDirectoryStream>, Status> {
        let directory = self.clone();
        Ok(server::stream(
            DOMAIN,
            |messages| async move { watch::watch(&directory, request, &messages).await },
        ))
    }
}

impl Directory {
    async fn list(
        &self,
        request: Request<pb::ListDirectoryRequest>,
    ) -> Result<pb::ListDirectoryResponse, Fault> {
        let (caller, deadline, mut request) = server::accept(request)?;
        let mut wrong = Violations::default();
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        let role = wrong.choice("role", request.role, Role::of).map(|role| role as i16);
        wrong.refuse()?;
        let pager = page.of(&self.house.database, &caller, "ListDirectory", &request);
        let (after, name) = pager
            .key()?
            .map(|key| {
                let (id, name) = key.split_once(' ').ok_or(Fault::PageToken)?;
                Ok::<_, Fault>((id.parse().map_err(|_| Fault::PageToken)?, name.to_owned()))
            })
            .transpose()?
            .unwrap_or_default();
        let areas = [contract::unit(&self.house.jurisdiction.today(), &request)?];
        let wanted = Wanted { areas: &areas, role, closed: false, today: self.house.clock.today() };
        let mut work = self.house.database.begin(deadline).await?;
        let mut found = facilities::store::by_name(&mut work, wanted, (&name, after), pager.limit()).await?;
        let next_page_token =
            pager.cut(&mut found, |facility| format!("{} {}", facility.id, facility.display_name));
        let entries = ops::entries(&self.house, &mut work, &found).await?;
        let as_of_time = Some(parse::timestamp(self.house.clock.now()));
        Ok(pb::ListDirectoryResponse { entries, next_page_token, as_of_time })
    }

    async fn find(
        &self,
        request: Request<pb::FindFacilitiesRequest>,
    ) -> Result<pb::FindFacilitiesResponse, Fault> {
        let (_, deadline, request) = server::accept(request)?;
        let wanted = contract::wanted(&request)?;
        if self.house.upwards(wanted.unit).is_empty() {
            return Err(Fault::NotFound(unit_name(wanted.unit)));
        }
        let mut work = self.house.database.begin(deadline).await?;
        let (found, unknown) = ops::find(&self.house, &mut work, &wanted).await?;
        let facilities = self.shown(&mut work, &found).await?;
        let unknown = self.shown(&mut work, &unknown).await?;
        Ok(pb::FindFacilitiesResponse { facilities, unknown })
    }

    /// What was found with its entries, in the same order.
    async fn shown(
        &self,
        connection: &mut PgConnection,
        found: &[Found],
    ) -> Result<Vec<pb::FoundFacility>, Fault> {
        let ids: Vec<Uuid> = found.iter().map(|one| one.facility).collect();
        let facilities = facilities::store::some(connection, &ids).await?;
        let entries = ops::entries(&self.house, connection, &facilities).await?.into_iter();
        let mut entries: HashMap<String, pb::DirectoryEntry> =
            entries.map(|entry| (entry.facility.clone(), entry)).collect();
        let shown = found.iter().map(|one| pb::FoundFacility {
            entry: entries.remove(&facility_name(one.facility)),
            levels_up: one.levels_up,
            free_beds: i32::try_from(one.free).unwrap_or(i32::MAX),
            as_of_time: one.as_of.map(parse::timestamp),
        });
        Ok(shown.collect())
    }
}
