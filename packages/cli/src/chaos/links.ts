/** What stands between the nodes of a cluster and everybody else. */
export interface Links {
  /** Nothing gets through to or from a node; what is under way stands still. */
  cut(node: number): void;
  delay(node: number, ms: number): void;
  heal(node: number): void;
}
