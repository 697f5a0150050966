#!/bin/sh
# Makes an ext4 image in which everything belongs to whom it should; run as root or under fakeroot.
# assemble-disk.sh BASE_TAR|- OVERLAY_DIRECTORY WORK_DIRECTORY LABEL SIZE_BYTES IMAGE [PATH_TO_REMOVE...]
set -eu
umask 022
base=$1 overlay=$2 work=$3 label=$4 size=$5 image=$6
shift 6
mkdir "$work"
[ "$base" = - ] || tar --extract --file "$base" --directory "$work" --numeric-owner --preserve-permissions
for path in "$@"; do
	rm -rf "${work:?}/$path"
done
# Modes go through the umask, so that a group-writable checkout gives no group-writable system.
cp --recursive --no-dereference "$overlay/." "$work/"
truncate --size "$size" "$image"
mke2fs -q -F -t ext4 -m 0 -L "$label" -E root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0 -d "$work" "$image"
rm -rf "$work"
