#!/bin/sh
if [ -x /usr/lib/torpor/restore-pending ] && [ -c /dev/snapshot ]; then
	udevadm settle --timeout=10
	# SAFETY: the disks are half of one system and half of another.
	/usr/lib/torpor/restore-pending ||
		die 'torpor: a restore was interrupted and cannot be completed; these disks must not be started from'
fi
