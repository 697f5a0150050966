#!/bin/bash
# dracut.modules(7): a restore that waits is performed, and a parked OS resumed, before any filesystem is mounted.

check() {
	[ -e /etc/torpor/staging.json ] || [ -e /etc/torpor/parking.json ]
}

depends() {
	echo base
}

install() {
	/usr/share/torpor/copy-program "$initdir"
	inst_hook pre-mount 05 "$moddir/torpor-restore.sh"
}
