"""Remove the artifact tables; another service replaced them."""

from glance_registry.db.migrations import steps

revision = 'pike_contract01'
down_revision = 'ocata_contract01'
branch_labels = None
depends_on = 'pike_expand01'


def upgrade() -> None:
    steps.drop_table('artifact_blob_locations')
    steps.drop_table('artifact_properties')
    steps.drop_table('artifact_blobs')
    steps.drop_table('artifact_dependencies')
    steps.drop_table('artifact_tags')
    steps.drop_table('artifacts')
