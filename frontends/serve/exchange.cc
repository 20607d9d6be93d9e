#include "frontends/serve/exchange.h"

namespace cairn::serve {

Answer Words(unsigned status, std::string text) {
  Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  answer.text = std::move(text) + "\n";
  return answer;
}

}  // namespace cairn::serve
