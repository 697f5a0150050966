/** What the lab has when no `--config` is given. */
export const DEFAULT_CONFIG = `# The lab's default machine
[machine]
cpus = 2
firmware = "bios"
monitor-memory = "512M"

[[os]]
name = "tiny"
kernel = "6.12"
root = "tiny"
memory = "256M"

[[os]]
name = "debian12"
kernel = "6.12"
root = "debian12"
memory = "512M"

[[os]]
name = "debian13"
kernel = "7.2"
root = "debian13"
memory = "512M"
`;
