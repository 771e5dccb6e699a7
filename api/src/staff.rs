//! People who work at the hotel: what admins do with their accounts.

use bellhop_domain::{Secret, StaffId};
use bellhop_service::page::PageRequest;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use crate::auth::{Authorized, ManagePeople};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::person::{AddStaffMember, Added, ChangeStaffMember, PasswordSet, SetPassword, StaffMember};
use crate::types::Limit;
use crate::{BASE_PATH, Tag};

pub struct Staff;

#[OpenApi(tag = "Tag::People")]
impl Staff {
    /// Add a person
    ///
    /// For admins.
    #[oai(path = "/staff", method = "post", operation_id = "add_staff_member")]
    async fn add(
        &self,
        auth: Authorized<ManagePeople>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<AddStaffMember>,
    ) -> Result<Added, ApiError> {
        let key = body.idempotency_key(key.as_deref())?;
        let view = auth.app.add_staff_member(&auth.caller, body.value.draft(key)).await?;
        let location = format!("{BASE_PATH}/staff/{}", view.staff_id);
        Ok(Added::Created(Json(view.into()), location))
    }

    /// The people who work here
    ///
    /// For admins. Those who are disabled too, in the order in which they were added.
    #[oai(path = "/staff", method = "get", operation_id = "list_staff")]
    async fn list(
        &self,
        auth: Authorized<ManagePeople>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<StaffMember>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.people(&auth.caller, page).await?.into()))
    }

    /// A person
    ///
    /// For admins.
    #[oai(path = "/staff/:staff_member_id", method = "get", operation_id = "get_staff_member")]
    async fn get(
        &self,
        auth: Authorized<ManagePeople>,
        staff_member_id: Path<StaffId>,
    ) -> Result<Json<StaffMember>, ApiError> {
        Ok(Json(auth.app.staff_member(&auth.caller, staff_member_id.0).await?.into()))
    }

    /// Change a person, or disable them
    ///
    /// For admins. Nobody is ever deleted, because history names them. Nobody disables themselves or changes
    /// their own role, so an admin always remains.
    #[oai(path = "/staff/:staff_member_id", method = "patch", operation_id = "change_staff_member")]
    async fn change(
        &self,
        auth: Authorized<ManagePeople>,
        staff_member_id: Path<StaffId>,
        body: JsonBody<ChangeStaffMember>,
    ) -> Result<Json<StaffMember>, ApiError> {
        let id = staff_member_id.0;
        Ok(Json(auth.app.change_staff_member(&auth.caller, id, body.value.into()).await?.into()))
    }

    /// Set a person's password
    ///
    /// For admins. Ends their sessions.
    #[oai(path = "/staff/:staff_member_id/password", method = "put", operation_id = "set_password")]
    async fn set_password(
        &self,
        auth: Authorized<ManagePeople>,
        staff_member_id: Path<StaffId>,
        body: JsonBody<SetPassword>,
    ) -> Result<PasswordSet, ApiError> {
        let password = Secret::new(body.value.password);
        auth.app.set_password(&auth.caller, staff_member_id.0, &password).await?;
        Ok(PasswordSet::Done)
    }
}
