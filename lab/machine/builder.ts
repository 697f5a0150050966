import type { ReportBuild } from '../build/progress.ts';

/** A file of the host and where it goes in a disk image. */
export interface AddedFile {
  readonly from: string;
  /** Absolute, in the image. */
  readonly to: string;
  readonly mode: number;
}

/** What makes the parts of a lab machine; every path that it returns is read-only and cached. */
export interface LabBuilder {
  /** The bzImage of a kernel version. */
  kernel(version: string, report: ReportBuild): Promise<string>;
  /** The initramfs that finds an OS's disk by `torpor.root=`. */
  initramfs(report: ReportBuild): Promise<string>;
  /** The disk that brings Torpor itself into every OS. */
  toolImage(report: ReportBuild): Promise<string>;
  /** The disk image of a root that the lab knows. */
  root(name: string, report: ReportBuild): Promise<string>;
  /** The private SSH key that opens root on the roots that the lab builds. */
  sshKey(report: ReportBuild): Promise<string>;
  /** Makes `image`, a disk with the files of a directory. */
  diskFromDirectory(directory: string, label: string, image: string, report: ReportBuild): Promise<void>;
  /** Makes `image`, an empty disk for a bank. */
  bankDisk(image: string, sizeBytes: number): Promise<void>;
  /** Puts files into a disk image that no machine uses now. */
  addFiles(image: string, files: readonly AddedFile[]): Promise<void>;
}
