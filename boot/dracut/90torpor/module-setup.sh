#!/bin/bash
# dracut.modules(7): a restore that waits is performed before any filesystem is mounted.

check() {
	[ -e /etc/torpor/staging.json ]
}

depends() {
	echo base
}

install() {
	/usr/share/torpor/copy-program "$initdir"
	inst_hook pre-mount 05 "$moddir/torpor-restore.sh"
}
