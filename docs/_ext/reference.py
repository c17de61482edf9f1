"""Puts the reference out of the code into a page: the directives `keys` (with a class of the model) and `errors`."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from tproxy_rpms import errors
from tproxy_rpms.reference import failure, keys
from tproxy_rpms.release import model


class Generated(SphinxDirective):
    """A directive whose content is Markdown that code has made."""

    def parse(self, text: str, *files: str | None) -> list[nodes.Node]:
        """Return the parsed text; the page is read anew when one of the files changes."""
        for file in files:
            self.env.note_dependency(str(file))
        parent = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), source=str(files[0])), self.content_offset, parent)
        return list(parent.children)


class Keys(Generated):
    """The keys of one table, named by its class in the model."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        table = getattr(model, self.arguments[0])
        return self.parse(keys.render_keys(keys.list_keys(table)), model.__file__, keys.__file__)


class Errors(Generated):
    """Every error with its exit code and cure."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return self.parse(failure.render_failures(failure.list_failures()), errors.__file__, failure.__file__)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Make the directives known."""
    app.add_directive("keys", Keys)
    app.add_directive("errors", Errors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
