int main() {
#ifdef MUST_FAIL
  return undeclared;
#endif
}
