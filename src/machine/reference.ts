/** `debian13@monday` → `debian13` */
export function osOf({ reference }: { readonly reference: string }): string {
  const at = reference.indexOf('@');
  return at < 0 ? reference : reference.slice(0, at);
}

/** `OS@TAG` names a snapshot, without `@` an OS. */
export function isReference(text: string): boolean {
  return text.includes('@');
}
