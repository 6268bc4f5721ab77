// What each view of the crystal contributed to a prediction.

// An element to show, or null where the server has no explanation.
export async function explanation() {
  return null;
}
