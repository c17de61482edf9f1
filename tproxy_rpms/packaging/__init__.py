"""From sources to an SRPM: patches, the rendered spec, rpmbuild -bs."""
