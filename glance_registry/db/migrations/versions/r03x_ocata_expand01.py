"""Add ``images.visibility``; ``is_public`` is kept for now.

While daemons older than Ocata write, MySQL triggers keep the two columns
consistent. Only ``db expand`` of a database in use creates them, because they
need a privilege (SUPER, or ``log_bin_trust_function_creators`` where binary
logs are written) that operators without such daemons should not need.
"""

from alembic import context
from alembic import op
import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry.db.migrations import steps

revision = 'ocata_expand01'
down_revision = 'mitaka02'
branch_labels = 'expand'
depends_on = None

_INSERT = """
CREATE TRIGGER insert_visibility BEFORE INSERT ON images FOR EACH ROW
BEGIN
  IF (NEW.is_public IS NULL) = (NEW.visibility IS NULL) THEN
    SIGNAL SQLSTATE '45000'
      SET MESSAGE_TEXT = 'one of is_public and visibility must be given';
  ELSEIF NEW.visibility IS NULL THEN
    SET NEW.visibility = IF(NEW.is_public, 'public', 'shared');
  ELSE
    SET NEW.is_public = NEW.visibility = 'public';
  END IF;
END
"""

_UPDATE = """
CREATE TRIGGER update_visibility BEFORE UPDATE ON images FOR EACH ROW
BEGIN
  DECLARE is_public_changes BOOLEAN
    DEFAULT NOT (NEW.is_public <=> OLD.is_public);
  DECLARE visibility_changes BOOLEAN
    DEFAULT NOT (NEW.visibility <=> OLD.visibility);
  IF is_public_changes AND visibility_changes THEN
    SIGNAL SQLSTATE '45000'
      SET MESSAGE_TEXT = 'change is_public or visibility, not both';
  ELSEIF (is_public_changes AND NEW.is_public IS NULL)
      OR (visibility_changes AND NEW.visibility IS NULL) THEN
    SIGNAL SQLSTATE '45000'
      SET MESSAGE_TEXT = 'is_public and visibility cannot become null';
  ELSEIF is_public_changes THEN
    SET NEW.visibility = IF(NEW.is_public, 'public', 'shared');
  ELSEIF visibility_changes THEN
    SET NEW.is_public = NEW.visibility = 'public';
  END IF;
END
"""


def _add_triggers() -> None:
    try:
        for name, body in {'insert': _INSERT, 'update': _UPDATE}.items():
            op.execute(f'DROP TRIGGER IF EXISTS {name}_visibility')
            op.get_bind().exec_driver_sql(body)
    except exc.DBAPIError as error:
        raise steps.Refused(
            f'The triggers of a rolling upgrade were refused: {error.orig}. '
            'Set log_bin_trust_function_creators=1 or grant SUPER and run '
            'this again; or stop all daemons and run "db sync", which needs '
            'no triggers.'
        ) from error


def _make_nullable() -> None:
    if steps.dialect() != 'sqlite':
        kind = sa.Boolean()
        op.alter_column(
            'images', 'is_public', existing_type=kind, nullable=True
        )
        return
    # The table is copied, and the copy loses checks without a name.
    checks = tuple(
        sa.CheckConstraint(f'{name} IN (0, 1)')
        for name in ('is_public', 'deleted', 'protected')
    )
    with op.batch_alter_table('images', table_args=checks) as batch:
        batch.alter_column(
            'is_public', existing_type=sa.Boolean(), nullable=True
        )


def upgrade() -> None:
    kind = sa.Enum(
        'private', 'public', 'shared', 'community', name='image_visibility'
    )
    kind.create(op.get_bind(), checkfirst=True)
    steps.add_column('images', sa.Column('visibility', kind))
    steps.create_index('visibility_image_idx', 'images', 'visibility')
    _make_nullable()
    wanted = context.config.attributes.get('triggers', False)
    if wanted and steps.dialect() == 'mysql':
        _add_triggers()
